import { prometheusExporter } from "./exporters.ts";
import { awaitEach, clockEach, nsPerCall } from "./measure.ts";
import { cockatiel, mollitia, opossumDefault, opossumLean } from "./peers.ts";
import type { Bench, Cell, Question } from "./question.ts";
import { asyncFn, isValue, telltale } from "./subject.ts";

const ours: readonly Cell[] = [
  {
    id: "closed/call",
    label: "telltale call",
    targets: [
      { kind: "ratio", atMost: 1.7, of: "closed/bare" },
      { kind: "ratio", atMost: 0.5, of: "closed/cockatiel-consecutive" },
    ],
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject");
      return await nsPerCall(
        awaitEach(() => breaker.call(asyncFn), isValue),
        bench.effort,
      );
    },
  },
  {
    id: "closed/timed",
    label: "telltale call, latencyTripMs",
    targets: [{ kind: "difference", atMost: 45, above: "closed/bare-clocked" }],
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject", { latencyTripMs: 10_000 });
      return await nsPerCall(
        awaitEach(() => breaker.call(asyncFn), isValue),
        bench.effort,
      );
    },
  },
  {
    id: "closed/timed-histogram",
    label: "telltale call, latencyTripMs and a histogram of its durations",
    targets: [{ kind: "difference", atMost: 45, above: "closed/bare-clocked" }],
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const attach = await prometheusExporter(bench, { callDurations: true });
      if (typeof attach !== "function") return attach;
      const breaker = new CircuitBreaker("subject", { latencyTripMs: 10_000 });
      await attach(breaker);
      return await nsPerCall(
        awaitEach(() => breaker.call(asyncFn), isValue),
        bench.effort,
      );
    },
  },
  {
    id: "closed/in-flight",
    label: "telltale call, latencyTripMs, inFlight",
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject", { latencyTripMs: 10_000, inFlight: true });
      return await nsPerCall(
        awaitEach(() => breaker.call(asyncFn), isValue),
        bench.effort,
      );
    },
  },
  {
    id: "closed/listener",
    label: "telltale call, one success listener",
    targets: [{ kind: "ratio", atMost: 0.8, of: "closed/cockatiel-listener" }],
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject");
      return await heard(bench, {
        listen: (listener) => breaker.on("circuit.success", listener),
        once: () => breaker.call(asyncFn),
      });
    },
  },
  {
    id: "closed/execute",
    label: "telltale execute",
    targets: [
      { kind: "ratio", atMost: 3.5, of: "closed/bare" },
      { kind: "ratio", atMost: 1, of: "closed/cockatiel-consecutive" },
    ],
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const breaker = new CircuitBreaker("subject");
      const batch = awaitEach(
        () => breaker.execute(asyncFn),
        (result) => result.outcome === "ok" && isValue(result.value),
      );
      return await nsPerCall(batch, bench.effort);
    },
  },
];

const cockatiels: readonly Cell[] = (["consecutive", "count", "sampling"] as const).map((rule) => ({
  id: `closed/cockatiel-${rule}`,
  label: `cockatiel ${rule}`,
  async measure({ effort }: Bench) {
    const policy = await cockatiel(rule);
    return await nsPerCall(
      awaitEach(() => policy.execute(asyncFn), isValue),
      effort,
    );
  },
}));

const peers: readonly Cell[] = [
  ...cockatiels,
  {
    id: "closed/cockatiel-listener",
    label: "cockatiel consecutive, one success listener",
    async measure(bench) {
      const policy = await cockatiel("consecutive");
      return await heard(bench, {
        listen: (listener) => policy.onSuccess(listener),
        once: () => policy.execute(asyncFn),
      });
    },
  },
  {
    id: "closed/opossum-lean",
    label: "opossum lean",
    async measure({ effort }) {
      const breaker = await opossumLean(asyncFn);
      return await nsPerCall(
        awaitEach(() => breaker.fire(), isValue),
        effort,
      );
    },
  },
  {
    id: "closed/opossum-listener",
    label: "opossum lean, one success listener",
    async measure(bench) {
      const breaker = await opossumLean(asyncFn);
      return await heard(bench, {
        listen: (listener) => breaker.on("success", listener),
        once: () => breaker.fire(),
      });
    },
  },
  {
    id: "closed/opossum-default",
    label: "opossum default",
    async measure({ effort }) {
      const breaker = await opossumDefault(asyncFn);
      return await nsPerCall(
        awaitEach(() => breaker.fire(), isValue),
        effort,
      );
    },
  },
  {
    id: "closed/mollitia",
    label: "mollitia count 100",
    async measure({ effort }) {
      const circuit = await mollitia(asyncFn);
      return await nsPerCall(
        awaitEach(() => circuit.execute<number>(), isValue),
        effort,
      );
    },
  },
];

/** What a successful call costs while the breaker is closed. */
export const closedSuccess: Question = {
  title: "A successful call while closed",
  unit: "ns",
  reference: "closed/bare",
  cells: [
    {
      id: "closed/bare",
      label: "bare await",
      measure: ({ effort }) => nsPerCall(awaitEach(asyncFn, isValue), effort),
    },
    {
      id: "closed/bare-clocked",
      label: "bare await between two clock reads",
      measure: ({ effort }) => nsPerCall(clockEach(asyncFn, isValue), effort),
    },
    ...ours,
    ...peers,
  ],
};

/** Measures with one listener, which must have heard of every call. */
async function heard(
  { effort }: Bench,
  { listen, once }: { listen: (listener: () => void) => unknown; once: () => Promise<number> },
): Promise<number> {
  let events = 0;
  let calls = 0;
  listen(() => {
    events++;
  });
  const batch = awaitEach(once, isValue);
  const counted = async (count: number): Promise<number> => {
    calls += count;
    return await batch(count);
  };
  const ns = await nsPerCall(counted, effort);
  if (events !== calls) throw new Error(`the listener heard ${events} of ${calls} calls`);
  return ns;
}
