import fc, { type Arbitrary } from "fast-check";
import { flag, mixed, rarely, weighted } from "./arbitraries.ts";
import type { CallPlan, Form, Schedule, Setup, Step } from "./plans.ts";
import { deepSetup, legal, setup } from "./setups.ts";
import {
  call,
  callPlan,
  control,
  edge,
  listener,
  maybeThrows,
  method,
  on,
  pick,
  record,
  reported,
  step,
  throws,
} from "./steps.ts";
import type { ThrowableName } from "./thrown.ts";

// Random schedules, of several kinds.

const full = fc.record({
  setup,
  steps: fc.array(step, { minLength: 1, maxLength: 60, size: "max" }),
});

/** Nothing needs the time of a call until somebody listens: the core takes shortcuts then. */
const quietCall: Arbitrary<CallPlan> = callPlan(
  weighted<Form>([4, "later"], [1, "value"], [1, "throw"], [1, "resolved"]),
).map((plan) => ({ ...plan, via: "call", signal: "none", context: false }));
const quietStep = mixed<Step>(
  [6, fc.record({ on, do: fc.constant("call" as const), call: quietCall })],
  [
    4,
    fc.record({
      on,
      do: fc.constant("finish" as const),
      pick,
      throws: mixed<ThrowableName | null>([2, fc.constant(null)], [1, throws]),
      abort: fc.constant(false),
    }),
  ],
  [1, fc.record({ on, do: fc.constant("listen" as const), listener })],
  [2, fc.record({ on, do: fc.constant("stop listening" as const), pick })],
  [1, fc.record({ on, do: fc.constant("reset" as const), note: flag })],
  [2, step],
);
const quiet = fc.record({
  setup: setup.map(
    (given): Setup => ({
      ...given,
      latencyTripMs: null,
      inFlight: false,
      classifies: false,
      witness: false,
    }),
  ),
  steps: fc.array(quietStep, { minLength: 1, maxLength: 30, size: "max" }),
});

/** A count that lives long enough to go up and down by results and by idle time. */
const wavering = fc.record({
  setup: deepSetup.map(
    (given): Setup => ({
      ...given,
      failureThreshold: 9,
      trip: [],
      cooldown: "fixed",
      cooldownMs: 100,
      degradation: given.random === "good" ? [1, 0.75, 0.5, 0.25] : [1, 0],
    }),
  ),
  steps: fc.array(
    mixed<Step>(
      [3, fc.tuple(on, record).map(([which, plan]) => ({ ...plan, on: which }))],
      [2, fc.record({ on, do: fc.constant("wait" as const), span: edge("idle step") })],
      [2, fc.record({ on, do: fc.constant("wait" as const), span: fc.nat(120) })],
      [2, fc.record({ on, do: fc.constant("call" as const), call })],
      [1, step],
    ),
    { minLength: 4, maxLength: 30, size: "max" },
  ),
});

/** A failure whose classifier asks for a cooldown. */
const askingFailure = fc.tuple(call, fc.constantFrom(0, 7, 250)).map(
  ([plan, retryAfterMs]): CallPlan => ({
    ...plan,
    form: "throw",
    throws: "error",
    signal: "none",
    answer: { kind: "full", word: "error", retryAfterMs },
  }),
);

/** Opens and recoveries that follow each other around the end of the backoff. */
const flapping = fc.record({
  setup: deepSetup.map(
    (given): Setup => ({
      ...given,
      failureThreshold: given.watchesBus ? 2 : 1,
      trip: [],
      cooldown: given.random === "good" && given.second ? "jitters" : "grows",
      maxProbes: 1,
      successThreshold: 1,
      probeRate: null,
      classifies: true,
      // The same share from both, right after a recovery.
      degradation: given.watchesBus ? [1, given.random === "good" ? 0.25 : 0] : null,
      rampUp: given.watchesBus && given.random === "good" ? { durationMs: 64, from: 0.25 } : null,
    }),
  ),
  steps: fc.array(
    mixed<Step>(
      [4, fc.tuple(on, record).map(([which, plan]) => ({ ...plan, on: which }))],
      [3, fc.record({ on, do: fc.constant("wait" as const), span: edge("due") })],
      [4, fc.record({ on, do: fc.constant("wait" as const), span: edge("healthy") })],
      [2, fc.record({ on, do: fc.constant("call" as const), call })],
      [2, fc.record({ on, do: fc.constant("call" as const), call: askingFailure })],
      [1, fc.record({ on, do: fc.constant("reset" as const), note: flag })],
      [1, step],
    ),
    { minLength: 6, maxLength: 30, size: "max" },
  ),
});

/** Calls that hang for longer than the limit, and end some time, or never. */
const hangingCall = callPlan(weighted<Form>([6, "later"], [1, "thenable later"], [1, "value"])).map(
  (plan): CallPlan => ({ ...plan, signal: "none", tookMs: 0 }),
);
const hanging = fc.record({
  setup: deepSetup.map(
    (given): Setup => ({
      ...given,
      inFlight: true,
      latencyTripMs: given.latencyTripMs ?? 20,
      failureThreshold:
        given.trip.length > 0 && given.second ? null : Math.min(6, given.failureThreshold ?? 4),
      leaseMs: 50,
      degradation:
        given.watchesBus && given.second
          ? [1, 1, given.random === "good" ? 0.5 : 0]
          : given.degradation,
      // Shorter than the limit, so that idle steps and the ends of blind times come before calls are overdue.
      cooldown: given.watchesBus ? "fixed" : given.cooldown,
      cooldownMs: given.watchesBus ? 7 : given.cooldownMs,
    }),
  ),
  steps: fc.array(
    mixed<Step>(
      [6, fc.record({ on, do: fc.constant("call" as const), call: hangingCall })],
      [3, fc.record({ on, do: fc.constant("admit" as const) })],
      [6, fc.record({ on, do: fc.constant("wait" as const), span: edge("overdue") })],
      [4, fc.record({ on, do: fc.constant("wait" as const), span: fc.nat(40) })],
      [2, fc.record({ on, do: fc.constant("wait" as const), span: edge("due") })],
      [1, fc.record({ on, do: fc.constant("wait" as const), span: edge("blind end") })],
      [1, fc.record({ on, do: fc.constant("disable" as const) })],
      [2, fc.tuple(on, control).map(([which, plan]) => ({ ...plan, on: which }))],
      [2, fc.tuple(on, record).map(([which, plan]) => ({ ...plan, on: which }))],
      [2, fc.record({ on, do: fc.constant("catch up" as const) })],
      [
        3,
        fc.record({
          on,
          do: fc.constant("finish" as const),
          pick,
          throws: maybeThrows,
          abort: rarely,
        }),
      ],
      [
        2,
        fc.record({
          on,
          do: fc.constant("settle" as const),
          pick,
          method,
          throws: maybeThrows,
          latencyMs: reported,
        }),
      ],
      [2, step],
    ),
    { minLength: 4, maxLength: 40, size: "max" },
  ),
});

/** Random runs of the model. */
export const schedules: Arbitrary<Schedule> = mixed<Schedule>(
  [14, full],
  [3, quiet],
  [2, wavering],
  [4, flapping],
  [6, hanging],
).map(({ setup: given, steps }) => ({ setup: legal(given), steps }));
