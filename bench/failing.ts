import { awaitEach, catchEach, nsPerCall } from "./measure.ts";
import { cockatiel, opossumDefault, opossumLean } from "./peers.ts";
import type { Cell, Question } from "./question.ts";
import { asyncFn, BOOM, failingFn, isBoom, NEVER_TRIPS, telltale } from "./subject.ts";

const ours: readonly Cell[] = [
  {
    id: "failing/call",
    label: "telltale call",
    targets: [{ kind: "ratio", atMost: 1.5, of: "failing/bare" }],
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject", { failureThreshold: NEVER_TRIPS });
      return await nsPerCall(
        catchEach(() => breaker.call(failingFn), isBoom),
        bench.effort,
      );
    },
  },
  {
    id: "failing/timed",
    label: "telltale call, latencyTripMs",
    targets: [{ kind: "ratio", atMost: 1.6, of: "failing/bare" }],
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const options = { failureThreshold: NEVER_TRIPS, latencyTripMs: 10_000 };
      const breaker = new CircuitBreaker("subject", options);
      return await nsPerCall(
        catchEach(() => breaker.call(failingFn), isBoom),
        bench.effort,
      );
    },
  },
  {
    id: "failing/in-flight",
    label: "telltale call, latencyTripMs, inFlight",
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const options = { failureThreshold: NEVER_TRIPS, latencyTripMs: 10_000, inFlight: true };
      const breaker = new CircuitBreaker("subject", options);
      return await nsPerCall(
        catchEach(() => breaker.call(failingFn), isBoom),
        bench.effort,
      );
    },
  },
  {
    id: "failing/execute",
    label: "telltale execute",
    targets: [{ kind: "ratio", atMost: 1.2, of: "failing/bare" }],
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject", { failureThreshold: NEVER_TRIPS });
      const batch = awaitEach(
        () => breaker.execute(failingFn),
        (result) => result.outcome === "error" && result.error === BOOM,
      );
      return await nsPerCall(batch, bench.effort);
    },
  },
];

const peers: readonly Cell[] = [
  {
    id: "failing/cockatiel",
    label: "cockatiel consecutive",
    async measure({ effort }) {
      const policy = await cockatiel("consecutive");
      return await nsPerCall(
        catchEach(() => policy.execute(failingFn), isBoom),
        effort,
      );
    },
  },
  {
    id: "failing/opossum-lean",
    label: "opossum lean",
    async measure({ effort }) {
      const breaker = await opossumLean(failingFn);
      return await nsPerCall(
        catchEach(() => breaker.fire(), isBoom),
        effort,
      );
    },
  },
  {
    id: "failing/opossum-default",
    label: "opossum default, 10 000 samples of 0 ms",
    async measure({ effort }) {
      let failing = false;
      const breaker = await opossumDefault(() => (failing ? failingFn() : asyncFn()));
      for (let n = 0; n < 10_000; n++) await breaker.fire();
      failing = true;
      return await nsPerCall(
        catchEach(() => breaker.fire(), isBoom),
        effort,
      );
    },
  },
];

/** What a failing call costs while the breaker stays closed. */
export const failing: Question = {
  title: "A failing call while closed",
  unit: "ns",
  reference: "failing/bare",
  note: "The error is made once and thrown by an async function.",
  cells: [
    {
      id: "failing/bare",
      label: "bare throw",
      measure: ({ effort }) => nsPerCall(catchEach(failingFn, isBoom), effort),
    },
    ...ours,
    ...peers,
  ],
};
