import { pinoExporter } from "./exporters.ts";
import { awaitEach, catchEach, nsPerCall } from "./measure.ts";
import { cockatiel, opossumLean } from "./peers.ts";
import type { Bench, Cell, Question } from "./question.ts";
import { asyncFn, failingFn, isBoom, STAYS_OPEN_MS, telltale } from "./subject.ts";

/** A breaker that a failure has opened. */
async function openBreaker(bench: Bench) {
  const { CircuitBreaker } = await telltale(bench);
  const options = { failureThreshold: 1, cooldownMs: STAYS_OPEN_MS };
  const breaker = new CircuitBreaker("subject", options);
  await breaker.execute(failingFn);
  return breaker;
}

const ours: readonly Cell[] = [
  {
    id: "refused/execute",
    label: "telltale execute",
    targets: [{ kind: "ratio", atMost: 2.2, of: "refused/plain-result" }],
    async measure(bench) {
      const breaker = await openBreaker(bench);
      const batch = awaitEach(
        () => breaker.execute(asyncFn),
        (result) => result.outcome === "circuit-open" && result.skipsSinceOpened > 0,
      );
      return await nsPerCall(batch, bench.effort);
    },
  },
  {
    id: "refused/execute-pino",
    label: "telltale execute, pino attached",
    targets: [{ kind: "ratio", atMost: 2, of: "refused/execute" }],
    async measure(bench) {
      const breaker = await openBreaker(bench);
      const attach = await pinoExporter(bench);
      if (typeof attach !== "function") return attach;
      await attach(breaker);
      const batch = awaitEach(
        () => breaker.execute(asyncFn),
        (result) => result.outcome === "circuit-open" && result.skipsSinceOpened > 0,
      );
      return await nsPerCall(batch, bench.effort);
    },
  },
  {
    id: "refused/call",
    label: "telltale call",
    targets: [
      { kind: "ratio", atMost: 0.8, of: "refused/stackless" },
      { kind: "ratio", atMost: 1 / 3, of: "refused/cockatiel" },
      { kind: "ratio", atMost: 1 / 3, of: "refused/opossum" },
    ],
    async measure(bench) {
      const { isCircuitOpenError } = await telltale(bench);
      const breaker = await openBreaker(bench);
      const batch = catchEach(() => breaker.call(asyncFn), isCircuitOpenError);
      return await nsPerCall(batch, bench.effort);
    },
  },
];

const peers: readonly Cell[] = [
  {
    id: "refused/cockatiel",
    label: "cockatiel",
    async measure({ effort }) {
      const { isBrokenCircuitError } = await import("cockatiel");
      const policy = await cockatiel("consecutive", 1);
      await policy.execute(failingFn).catch(isBoom);
      const batch = catchEach(
        () => policy.execute(asyncFn),
        (thrown) => thrown instanceof Error && isBrokenCircuitError(thrown),
      );
      return await nsPerCall(batch, effort);
    },
  },
  {
    id: "refused/opossum",
    label: "opossum lean",
    async measure({ effort }) {
      const breaker = await opossumLean(asyncFn);
      breaker.open();
      const batch = catchEach(
        () => breaker.fire(),
        (thrown) => thrown instanceof Error && "code" in thrown && thrown.code === "EOPENBREAKER",
      );
      return await nsPerCall(batch, effort);
    },
  },
];

/** What a call costs that the breaker refuses. */
export const refused: Question = {
  title: "A refused call while open",
  unit: "ns",
  note: "The plain result has the fields of ours but the error. The stackless error is made for each call and rejected at once, before anybody listens. pino writes at its default level to a destination that does nothing, and samples the refusals.",
  reference: "refused/plain-result",
  cells: [
    {
      id: "refused/plain-result",
      label: "an async function that returns a plain result",
      async measure({ effort }) {
        let skips = 0;
        const plain = async () => ({
          outcome: "circuit-open",
          reason: "open",
          openMs: 1.5,
          skipsSinceOpened: ++skips,
          retryAfterMs: 2.5,
          latencyMs: 0,
          latencyTripped: false,
          consecutiveFailures: 5,
          countedAs: "unreached",
        });
        return await nsPerCall(
          awaitEach(plain, (result) => result.skipsSinceOpened > 0),
          effort,
        );
      },
    },
    {
      id: "refused/stackless",
      label: "rejecting at once with a stackless error",
      async measure({ effort }) {
        Error.stackTraceLimit = 0;
        const reject = () => Promise.reject(new Error("refused"));
        return await nsPerCall(
          catchEach(reject, (thrown) => thrown instanceof Error),
          effort,
        );
      },
    },
    ...ours,
    ...peers,
  ],
};
