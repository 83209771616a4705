import { ALLOCATION_FLAGS, awaitEach, type Batch, bytesPerCall } from "./measure.ts";
import { cockatiel, opossumDefault, opossumLean } from "./peers.ts";
import type { Bench, Cell, Question, Target } from "./question.ts";
import { asyncFn, isValue, telltale } from "./subject.ts";

const TARGETS: Readonly<Record<string, readonly Target[]>> = {
  "bytes/call": [{ kind: "difference", atMost: 120, above: "bytes/bare" }],
};

function cell(id: string, label: string, batch: (bench: Bench) => Promise<Batch>): Cell {
  return {
    id,
    label,
    targets: TARGETS[id] ?? [],
    flags: ALLOCATION_FLAGS,
    measure: async (bench) => await bytesPerCall(await batch(bench)),
  };
}

/** What a successful call allocates. */
export const bytes: Question = {
  title: "Bytes allocated by a successful call while closed, nobody listening",
  unit: "bytes",
  reference: "bytes/bare",
  roundsEnough: 2,
  cells: [
    cell("bytes/bare", "bare await", async () => awaitEach(asyncFn, isValue)),
    cell("bytes/call", "telltale call", async (bench) => {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject");
      return awaitEach(() => breaker.call(asyncFn), isValue);
    }),
    cell("bytes/timed", "telltale call, latencyTripMs", async (bench) => {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject", { latencyTripMs: 10_000 });
      return awaitEach(() => breaker.call(asyncFn), isValue);
    }),
    cell("bytes/execute", "telltale execute", async (bench) => {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject");
      return awaitEach(
        () => breaker.execute(asyncFn),
        (result) => result.outcome === "ok",
      );
    }),
    cell("bytes/cockatiel", "cockatiel consecutive", async () => {
      const policy = await cockatiel("consecutive");
      return awaitEach(() => policy.execute(asyncFn), isValue);
    }),
    cell("bytes/opossum-lean", "opossum lean", async () => {
      const breaker = await opossumLean(asyncFn);
      return awaitEach(() => breaker.fire(), isValue);
    }),
    cell("bytes/opossum-default", "opossum default", async () => {
      const breaker = await opossumDefault(asyncFn);
      return awaitEach(() => breaker.fire(), isValue);
    }),
  ],
};
