import fc, { type Arbitrary } from "fast-check";
import type { Outcome } from "../../src/index.ts";
import { flag, mixed, rarely, weighted } from "./arbitraries.ts";
import { TYPES } from "./deliveries.ts";
import { type Answer, INVALID_ANSWERS, type InvalidAnswer } from "./judgement.ts";
import type {
  CallPlan,
  ControlPlan,
  Form,
  ListenerPlan,
  PermitMethod,
  Reaction,
  RecordPlan,
  Span,
  Step,
} from "./plans.ts";
import type { ThrowableName } from "./thrown.ts";

// Random steps. The weights only decide how often rare things are reached; reach.ts says whether they were.

export const pick = fc.nat(7);

export const throws = weighted<ThrowableName>(
  [10, "error"],
  [5, "timeout"],
  [2, "inner"],
  [1, "coded"],
  [1, "undefined"],
  [1, "text"],
  [1, "frozen"],
  [1, "hostile"],
  [2, "abort"],
);
export const maybeThrows = mixed<ThrowableName | null>([1, fc.constant(null)], [1, throws]);

type Edge = Exclude<Span, number>["to"];
export const edge = (...to: readonly Edge[]): Arbitrary<Span> =>
  fc.record({ to: fc.constantFrom(...to), plus: weighted<-1 | 0 | 1>([1, -1], [2, 0], [1, 1]) });

const took = mixed<Span>(
  [8, fc.constant(0)],
  [2, fc.nat(30)],
  [2, edge("latency limit")],
  [1, edge("lease")],
);
export const reported = mixed<Span | null>(
  [3, fc.constant(null)],
  [1, fc.nat(40)],
  [2, edge("latency limit")],
);

const verdicts = fc.constantFrom<Outcome>("success", "error", "latency");
const forceOpen: Arbitrary<ControlPlan> = fc.record({
  do: fc.constant("force open" as const),
  forMs: mixed<number | null>([1, fc.constant(null)], [2, fc.constantFrom(1, 40, 500)]),
  note: flag,
});
const reset: Arbitrary<ControlPlan> = fc.record({
  do: fc.constant("reset" as const),
  note: flag,
});
export const control = mixed<ControlPlan>(
  [2, forceOpen],
  [2, reset],
  [1, fc.constant({ do: "disable" })],
  [1, fc.constant({ do: "enable" })],
  [2, fc.constant({ do: "catch up" })],
);

const words = mixed<Outcome | "permanent">(
  [4, verdicts],
  [3, fc.constantFrom<Outcome>("ignored", "cancelled", "unreached")],
  [1, fc.constant("permanent" as const)],
);
const invalidAnswers = fc.constantFrom(...(Object.keys(INVALID_ANSWERS) as InvalidAnswer[]));
const answer = mixed<Answer>(
  [8, fc.constant({ kind: "default" })],
  [3, fc.record({ kind: fc.constant("word" as const), word: words })],
  [
    3,
    fc.record({
      kind: fc.constant("full" as const),
      word: words,
      retryAfterMs: mixed<number | null | undefined>(
        [3, fc.constantFrom(0, 1, 7, 250)],
        [1, fc.constantFrom(null, undefined)],
      ),
    }),
  ],
  [1, fc.constant({ kind: "throws" })],
  [1, fc.record({ kind: fc.constant("controls" as const), control })],
  [1, fc.record({ kind: fc.constant("invalid" as const), answer: invalidAnswers })],
);

const form = weighted<Form>(
  [2, "value"],
  [1, "nothing"],
  [4, "throw"],
  [1, "resolved"],
  [2, "rejected"],
  [1, "thenable"],
  [6, "later"],
  [1, "thenable later"],
);
export const callPlan = (forms: Arbitrary<Form>): Arbitrary<CallPlan> =>
  fc.record({
    via: weighted<CallPlan["via"]>([3, "call"], [3, "execute"], [1, "callSync"]),
    form: forms,
    throws,
    answer,
    signal: weighted<CallPlan["signal"]>(
      [10, "none"],
      [1, "given"],
      [1, "aborted before"],
      [2, "aborted during"],
      [1, "expired during"],
    ),
    context: rarely,
    tookMs: took,
  });
export const call = callPlan(form);

export const method = weighted<PermitMethod>(
  [4, "success"],
  [4, "failure"],
  [1, "ignore"],
  [1, "cancel"],
  [1, "release"],
);

export const record: Arbitrary<RecordPlan> = fc.record({
  do: fc.constant("record" as const),
  success: flag,
  throws: maybeThrows,
  latencyMs: reported,
});

const reaction = mixed<Reaction>(
  [3, fc.constant({ do: "nothing" })],
  [3, fc.constant({ do: "throw" })],
  [1, fc.constant({ do: "reject" })],
  [1, fc.constant({ do: "remove itself" })],
  [1, fc.record({ do: fc.constant("remove another" as const), pick })],
  [1, fc.constant({ do: "add another" })],
  [1, fc.record({ do: fc.constant("take time" as const), tookMs: fc.constantFrom(1, 5, 60) })],
  [3, fc.record({ do: fc.constant("call" as const), call })],
  [
    1,
    fc.record({
      do: fc.constant("admit" as const),
      settle: mixed<PermitMethod | null>([1, fc.constant(null)], [3, method]),
    }),
  ],
  [6, control],
  [2, record],
);

export const listener: Arbitrary<ListenerPlan> = fc.record({
  pattern: mixed<string>(
    [2, fc.constant("circuit.*")],
    [5, fc.constantFrom(...TYPES)],
    [4, fc.constantFrom("circuit.open", "circuit.half_open", "circuit.close", "circuit.failure")],
  ),
  onBus: rarely,
  once: rarely,
  sink: weighted<string | undefined>([3, undefined], [1, "exporter"]),
  reaction,
  times: fc.integer({ min: 1, max: 3 }),
});

export const on = weighted<0 | 1>([9, 0], [1, 1]);
const wait = mixed<Span>(
  [2, fc.nat(120)],
  [4, edge("due")],
  [3, edge("lease")],
  [2, edge("latency limit")],
  [2, edge("overdue")],
  [3, edge("idle step")],
  [2, edge("blind end")],
  [1, edge("healthy")],
);

export const step = mixed<Step>(
  [8, fc.record({ on, do: fc.constant("call" as const), call })],
  [
    3,
    fc.record({
      on,
      do: fc.constant("burst" as const),
      calls: fc.integer({ min: 1, max: 13 }),
      throws: maybeThrows,
    }),
  ],
  [
    6,
    fc.record({
      on,
      do: fc.constant("finish" as const),
      pick,
      throws: maybeThrows,
      abort: rarely,
    }),
  ],
  [4, fc.record({ on, do: fc.constant("admit" as const) })],
  [
    6,
    fc.record({
      on,
      do: fc.constant("settle" as const),
      pick,
      method,
      throws: maybeThrows,
      latencyMs: reported,
    }),
  ],
  [2, fc.tuple(on, record).map(([which, plan]) => ({ ...plan, on: which }))],
  [2, fc.tuple(on, control).map(([which, plan]) => ({ ...plan, on: which }))],
  [9, fc.record({ on, do: fc.constant("wait" as const), span: wait })],
  [
    1,
    fc.record({
      on,
      do: fc.constant("step back" as const),
      byMs: fc.constantFrom(1, 30, 10_000),
      thenMs: fc.constantFrom(0, 1, 30),
    }),
  ],
  [
    1,
    fc.record({
      on,
      do: fc.constant("set wall clock" as const),
      byMs: fc.constantFrom(-3_600_000, -1, 1, 3_600_000),
    }),
  ],
  [3, fc.record({ on, do: fc.constant("listen" as const), listener })],
  [1, fc.record({ on, do: fc.constant("stop listening" as const), pick })],
);
