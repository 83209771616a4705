import type { CircuitBreaker, RateWindow } from "../src/index.ts";
import { awaitEach, type Batch, nsPerCall } from "./measure.ts";
import type { Bench, Cell, Question, Target } from "./question.ts";
import { asyncFn, BOOM, failingFn, isBoom, isValue, NEVER_TRIPS, telltale } from "./subject.ts";

const SIZES = [10, 1000, 100_000] as const;

interface Rated {
  readonly id: string;
  readonly label: string;
  readonly window: RateWindow;
}

const byCount: readonly Rated[] = SIZES.map((calls) => ({
  id: `calls-${calls}`,
  label: `failureRate over ${calls} calls`,
  window: { calls },
}));
const byTime: readonly Rated[] = SIZES.map((durationMs) => ({
  id: `time-${durationMs}`,
  label: `failureRate over ${durationMs} ms`,
  window: { durationMs },
}));

/** A breaker whose rate rule hears every verdict and never trips: not every call of these cells fails. */
async function rated(bench: Bench, window: RateWindow): Promise<CircuitBreaker> {
  const { CircuitBreaker, failureRate } = await telltale(bench);
  return new CircuitBreaker("subject", { trip: failureRate({ threshold: 1, window }) });
}

const succeeding = (breaker: CircuitBreaker): Batch =>
  awaitEach(() => breaker.call(asyncFn), isValue);

/** Every second call fails. */
function alternating(breaker: CircuitBreaker): Batch {
  let fails = false;
  return async (count) => {
    let checksum = 0;
    for (let n = 0; n < count; n++) {
      fails = !fails;
      try {
        if (isValue(await breaker.call(fails ? failingFn : asyncFn))) checksum++;
      } catch (thrown) {
        if (isBoom(thrown)) checksum++;
      }
    }
    return checksum;
  };
}

const ratedCells = (
  prefix: string,
  batch: (breaker: CircuitBreaker) => Batch,
  of: Limits,
): Cell[] =>
  [...byCount, ...byTime].map(({ id, label, window }) => ({
    id: `${prefix}/${id}`,
    label,
    targets: of("calls" in window),
    measure: async (bench) => await nsPerCall(batch(await rated(bench, window)), bench.effort),
  }));

type Limits = (countsCalls: boolean) => readonly Target[];

/** What a rate rule costs a successful call, whatever its window. */
export const rateWindows: Question = {
  title: "A successful call with a rate rule, by window",
  unit: "ns",
  reference: "window/consecutive",
  note: "A window of time reads the clock once more than a rule that counts: the second cell shows what that costs.",
  cells: [
    {
      id: "window/consecutive",
      label: "consecutive(n)",
      measure: async (bench) => {
        const { CircuitBreaker } = await telltale(bench);
        return await nsPerCall(succeeding(new CircuitBreaker("subject")), bench.effort);
      },
    },
    {
      id: "window/consecutive-clocked",
      label: "consecutive(n), and the clock read once a call",
      measure: async (bench) => {
        const { CircuitBreaker } = await telltale(bench);
        const breaker = new CircuitBreaker("subject");
        const once = () => {
          if (performance.now() < 0) throw BOOM;
          return breaker.call(asyncFn);
        };
        return await nsPerCall(awaitEach(once, isValue), bench.effort);
      },
    },
    ...ratedCells("window", succeeding, (countsCalls) => [
      countsCalls
        ? { kind: "ratio", atMost: 1.05, of: "window/consecutive" }
        : { kind: "ratio", atMost: 1.1, of: "window/consecutive-clocked" },
    ]),
  ],
};

/** What a rate rule costs when every second call fails, whatever its window. */
export const failingWindows: Question = {
  title: "Every second call fails, by window of the rate rule",
  unit: "ns",
  reference: "failing-window/consecutive",
  note: "The cost must not grow with the window (trap 38).",
  cells: [
    {
      id: "failing-window/consecutive",
      label: "consecutive(n)",
      measure: async (bench) => {
        const { CircuitBreaker } = await telltale(bench);
        const breaker = new CircuitBreaker("subject", { failureThreshold: NEVER_TRIPS });
        return await nsPerCall(alternating(breaker), bench.effort);
      },
    },
    ...ratedCells("failing-window", alternating, (countsCalls) => [
      {
        kind: "ratio",
        atMost: 1.1,
        of: countsCalls ? "failing-window/calls-10" : "failing-window/time-10",
      },
    ]),
  ],
};

const LISTENERS = [0, 1, 2, 5, 10, 50] as const;

/** How the cost of a successful call grows with those who listen to it. */
export const manyListeners: Question = {
  title: "A successful call, by number of success listeners",
  unit: "ns",
  reference: "listeners/0",
  cells: LISTENERS.map((listeners) => ({
    id: `listeners/${listeners}`,
    label: `${listeners}`,
    measure: async (bench) => {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject");
      let heard = 0;
      for (let n = 0; n < listeners; n++) {
        breaker.on("circuit.success", () => {
          heard++;
        });
      }
      const ns = await nsPerCall(succeeding(breaker), bench.effort);
      if (heard !== listeners * breaker.stats.calls.success) throw new Error(`heard ${heard}`);
      return ns;
    },
  })),
};

const BREAKERS = [1, 100, 10_000] as const;

/** How the cost of a successful call grows with the number of breakers that are called in turn. */
export const manyBreakers: Question = {
  title: "A successful call, by number of breakers called in turn",
  unit: "ns",
  reference: "breakers/1",
  note: "The figures beyond the first hold the misses of the processor's caches.",
  cells: BREAKERS.map((breakers) => ({
    id: `breakers/${breakers}`,
    label: `${breakers}`,
    measure: async (bench) => {
      const { CircuitBreaker } = await telltale(bench);
      const all = Array.from({ length: breakers }, (_, n) => new CircuitBreaker(`subject-${n}`));
      let turn = 0;
      const next = (): CircuitBreaker => {
        turn = turn + 1 === breakers ? 0 : turn + 1;
        const breaker = all[turn];
        if (breaker === undefined) throw new Error("a breaker was expected");
        return breaker;
      };
      return await nsPerCall(
        awaitEach(() => next().call(asyncFn), isValue),
        bench.effort,
      );
    },
  })),
};
