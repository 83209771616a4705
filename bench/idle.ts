import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { bytesEach, collectGarbage } from "./measure.ts";
import type { Bench, Cell, Question, Target } from "./question.ts";
import { asyncFn, telltale } from "./subject.ts";

type Make = (name: string) => unknown;

const BREAKERS = 10_000;
const MICROSECONDS_PER_MS = 1000;
/** No idle CPU, in percent: what the host does of its own stays far below. */
const NO_CPU = 0.5;
const names = (): string[] => Array.from({ length: BREAKERS }, (_, n) => `breaker-${n}`);

async function oursDefault(bench: Bench): Promise<Make> {
  const { CircuitBreaker } = await telltale(bench);
  return (name) => new CircuitBreaker(name);
}

async function oursUsed(bench: Bench): Promise<Make> {
  const { CircuitBreaker } = await telltale(bench);
  return (name) => {
    const breaker = new CircuitBreaker(name);
    void breaker.call(asyncFn);
    return breaker;
  };
}

async function oursObserved(bench: Bench): Promise<Make> {
  const { CircuitBreaker } = await telltale(bench);
  return (name) => {
    const breaker = new CircuitBreaker(name);
    breaker.on("circuit.open", () => name);
    return breaker;
  };
}

async function oursInRegistry(bench: Bench): Promise<Make> {
  const { BreakerRegistry } = await telltale(bench);
  const registry = new BreakerRegistry({ limit: 2 * BREAKERS });
  return (name) => registry.get(name);
}

async function cockatielConsecutive(): Promise<Make> {
  const { circuitBreaker, ConsecutiveBreaker, handleAll } = await import("cockatiel");
  return () =>
    circuitBreaker(handleAll, { halfOpenAfter: 60_000, breaker: new ConsecutiveBreaker(5) });
}

async function opossumWithDefaults(): Promise<Make> {
  const { default: CircuitBreaker } = await import("opossum");
  return () => new CircuitBreaker(asyncFn);
}

async function mollitiaCount(): Promise<Make> {
  const { Circuit, SlidingCountBreaker } = await import("mollitia");
  return (name) =>
    new Circuit({ name, func: asyncFn, options: { modules: [new SlidingCountBreaker()] } });
}

const MAKERS = [
  { id: "ours", label: "telltale, default options", prepare: oursDefault, bytes: 400 },
  { id: "ours-used", label: "telltale, after one call", prepare: oursUsed },
  { id: "ours-observed", label: "telltale, with a listener", prepare: oursObserved, bytes: 1100 },
  { id: "ours-registry", label: "telltale, in a registry", prepare: oursInRegistry },
  { id: "cockatiel", label: "cockatiel consecutive", prepare: cockatielConsecutive },
  { id: "opossum-default", label: "opossum default", prepare: opossumWithDefaults },
  { id: "mollitia", label: "mollitia count", prepare: mollitiaCount },
] as const;

const target = (atMost: number | undefined): readonly Target[] =>
  atMost === undefined ? [] : [{ kind: "absolute", atMost }];

/** What a breaker weighs that nobody calls. */
export const idleMemory: Question = {
  title: "Memory of an idle breaker, mean of 10 000",
  unit: "bytes",
  roundsEnough: 2,
  note: "Without its name, which belongs to the caller.",
  cells: MAKERS.map(
    (maker): Cell => ({
      id: `idle-memory/${maker.id}`,
      label: maker.label,
      targets: target("bytes" in maker ? maker.bytes : undefined),
      flags: ["--expose-gc"],
      async measure(bench) {
        return bytesEach(names(), await maker.prepare(bench));
      },
    }),
  ),
};

/** What idle breakers cost the processor. */
export const idleCpu: Question = {
  title: "Processor time of 10 000 idle breakers, share of one core",
  unit: "%",
  roundsEnough: 1,
  note: "A process without breakers shows what the host itself takes.",
  cells: [
    {
      id: "idle-cpu/none",
      label: "no breaker",
      flags: ["--expose-gc"],
      measure: async ({ effort }) => await idleShare(async () => () => null, effort.idleMs),
    },
    ...MAKERS.filter(({ id }) => id !== "ours-used").map(
      (maker): Cell => ({
        id: `idle-cpu/${maker.id}`,
        label: maker.label,
        targets: target(maker.id.startsWith("ours") ? NO_CPU : undefined),
        flags: ["--expose-gc"],
        measure: async (bench) => await idleShare(() => maker.prepare(bench), bench.effort.idleMs),
      }),
    ),
  ],
};

/** The share of one core, in percent, that a process takes while nothing is asked of its breakers. */
async function idleShare(prepare: () => Promise<Make>, idleMs: number): Promise<number> {
  const kept = names().map(await prepare());
  // The garbage of the making is no cost of idling.
  collectGarbage();
  await setTimeout(500);
  const before = process.cpuUsage();
  const startMs = performance.now();
  await setTimeout(idleMs);
  const { user, system } = process.cpuUsage(before);
  const tookMs = performance.now() - startMs;
  if (kept.length !== BREAKERS) throw new Error("not every breaker was made");
  return ((user + system) / MICROSECONDS_PER_MS / tookMs) * 100;
}
