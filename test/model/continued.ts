import fc from "fast-check";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitEvent,
  type Clock,
  type Permit,
} from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { mixed, weighted } from "./arbitraries.ts";
import { Chance } from "./chance.ts";
import { difference, Incidents } from "./difference.ts";
import { optionsOf } from "./guarded.ts";
import type { PermitMethod, Setup } from "./plans.ts";
import { deepSetup, legal, setup } from "./setups.ts";
import { method } from "./steps.ts";

// Two breakers under one wall clock and the same schedule. One lives on; the other is cut now and then: written to
// JSON, and continued by a breaker that knows nothing else and whose monotonic clock begins elsewhere.

type TwinStep =
  | { readonly do: "wait"; readonly ms: number }
  /** Until the cooldown is over, or so many milliseconds more or less. */
  | { readonly do: "due"; readonly plus: number }
  | { readonly do: "settle"; readonly method: PermitMethod; readonly tookMs: number }
  | { readonly do: "call"; readonly ok: boolean; readonly times: number }
  | { readonly do: "record"; readonly ok: boolean; readonly latencyMs: number | null }
  | { readonly do: "force"; readonly forMs: number | null }
  | { readonly do: "reset" | "disable" | "enable" | "catch up" }
  | { readonly do: "cut" };

interface TwinPlan {
  readonly setup: Setup;
  readonly steps: readonly TwinStep[];
  readonly shiftMs: number;
}

const step = mixed<TwinStep>(
  [3, fc.record({ do: fc.constant("wait" as const), ms: fc.nat(120) })],
  [3, fc.record({ do: fc.constant("due" as const), plus: fc.constantFrom(-1, 0, 1) })],
  [
    4,
    fc.record({
      do: fc.constant("settle" as const),
      method,
      tookMs: weighted([6, 0], [2, 15], [2, 16], [1, 21]),
    }),
  ],
  [
    4,
    fc.record({
      do: fc.constant("call" as const),
      ok: fc.boolean(),
      times: fc.integer({ min: 1, max: 13 }),
    }),
  ],
  [
    3,
    fc.record({
      do: fc.constant("record" as const),
      ok: fc.boolean(),
      latencyMs: weighted<number | null>([2, null], [1, 10], [1, 30]),
    }),
  ],
  [
    1,
    fc.record({
      do: fc.constant("force" as const),
      forMs: weighted<number | null>([1, null], [2, 40]),
    }),
  ],
  [
    2,
    fc
      .constantFrom("reset" as const, "disable" as const, "enable" as const, "catch up" as const)
      .map((word) => ({ do: word })),
  ],
  [5, fc.constant({ do: "cut" })],
);

export const twinPlans: fc.Arbitrary<TwinPlan> = fc
  .record({
    setup: mixed<Setup>([1, setup], [1, deepSetup]),
    steps: fc.array(step, { minLength: 2, maxLength: 40, size: "max" }),
    // A window by time begins its segments at multiples of their length on its own clock.
    shiftMs: fc.integer({ min: -10_000, max: 10_000 }).map((shift) => shift * 100),
  })
  .map((plan) => ({ ...plan, setup: legal({ ...plan.setup, classifies: false }) }));

/** One of the two, with what it told. */
class Twin {
  breaker: CircuitBreaker;
  readonly told: CircuitEvent[] = [];
  readonly #clock: FakeClock;
  readonly #chance: Chance;
  readonly #setup: Setup;
  restores = 0;
  #shiftMs = 0;

  constructor(given: Setup, clock: FakeClock) {
    this.#clock = clock;
    this.#setup = given;
    this.#chance = new Chance(given.chances);
    this.breaker = this.#begun();
  }

  #options(): CircuitBreakerOptions {
    const shiftMs = this.#shiftMs;
    const clock: Clock = {
      monotonicMs: () => this.#clock.monotonicMs() + shiftMs,
      epochMs: () => this.#clock.epochMs(),
    };
    return optionsOf(this.#setup, {
      clock,
      bus: undefined,
      classify: () => undefined,
      chance: this.#chance,
    });
  }

  #begun(): CircuitBreaker {
    const breaker = new CircuitBreaker("twin", this.#options());
    breaker.on("circuit.*", (event) => this.told.push(event));
    return breaker;
  }

  /** Its process ends here and another goes on. */
  cut(shiftMs: number): void {
    const json = this.breaker.serialize();
    this.#shiftMs += shiftMs;
    this.breaker = this.#begun();
    const heard = this.told.length;
    if (!this.breaker.restore(json)) throw new Error("a new breaker kept its own state");
    const types = this.told.slice(heard).map(({ type }) => type);
    if (types.join() !== "circuit.restore") throw new Error(`restore told ${types.join()}`);
    this.restores++;
    const again = JSON.parse(this.breaker.serialize());
    const { generation, seq, ...before } = JSON.parse(json);
    const wanted = { ...before, generation: generation + 1, seq: seq + 1 };
    const found = difference(again, wanted, new Incidents());
    if (found !== null) throw new Error(`restored and saved again ${found}`);
  }

  take(step: Exclude<TwinStep, { readonly do: "wait" | "due" | "cut" }>): void {
    const { breaker } = this;
    switch (step.do) {
      case "settle": {
        const permit = breaker.admit();
        this.#clock.advance(step.tookMs);
        if (permit.ok) settle(permit, step.method);
        return;
      }
      case "call":
        for (let n = 0; n < step.times; n++) {
          try {
            breaker.callSync(() => {
              if (!step.ok) throw new Error("boom");
            });
          } catch {
            // Refusals and failures are told.
          }
        }
        return;
      case "record":
        if (step.ok) breaker.recordSuccess(step.latencyMs ?? undefined);
        else breaker.recordFailure(new Error("elsewhere"), step.latencyMs ?? undefined);
        return;
      case "force":
        breaker.forceOpen("held", step.forMs === null ? {} : { forMs: step.forMs });
        return;
      case "catch up":
        breaker.catchUp();
        return;
      default:
        breaker[step.do]();
    }
  }

  readings(): object {
    const { state, retryAfterMs, trafficShare, tripProgress, openedAtMs, stats } = this.breaker;
    return { state, retryAfterMs, trafficShare, tripProgress, openedAtMs, stats };
  }
}

function settle(permit: Permit, how: PermitMethod): void {
  if (how === "failure") permit.failure(new Error("boom"));
  else permit[how]();
}

/** Events as they would be without a restore: its own event is left out, and what it shifts. */
const comparable = (events: readonly CircuitEvent[]): object[] =>
  events
    .filter(({ type }) => type !== "circuit.restore")
    .map(({ seq: _, generation: __, ...event }) => event);

/** Runs one plan; throws where the two differ. Returns how often the one was cut. */
export function runTwins({ setup: given, steps, shiftMs }: TwinPlan): number {
  const clock = new FakeClock();
  const twins = [new Twin(given, clock), new Twin(given, clock)] as const;
  const [whole, cut] = twins;
  for (const [n, step] of steps.entries()) {
    const beganMs = clock.nowMs;
    if (step.do === "wait") clock.advance(step.ms);
    else if (step.do === "due") {
      clock.advance(Math.max(0, (whole.breaker.retryAfterMs ?? 0) + step.plus));
    } else if (step.do === "cut") {
      // A half-open one comes back as open and due, which is not the same.
      if (cut.breaker.snapshot().state !== "half_open") cut.cut(shiftMs);
      whole.breaker.catchUp();
    } else {
      whole.take(step);
      const endedMs = clock.nowMs;
      clock.nowMs = beganMs;
      cut.take(step);
      clock.nowMs = endedMs;
    }
    const found =
      difference(cut.readings(), whole.readings(), new Incidents()) ??
      difference(comparable(cut.told), comparable(whole.told), new Incidents());
    if (found !== null) throw new Error(`After step ${n} (${step.do}): ${found}`);
    const seqs = cut.told.map(({ seq }) => seq);
    if (seqs.some((seq, at) => seq !== at + 1)) throw new Error(`seq has gaps: ${seqs.join()}`);
  }
  return cut.restores;
}
