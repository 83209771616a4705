import { performance } from "node:perf_hooks";
import { quantile } from "./measure.ts";
import type { Bench, Cell, Question, Skipped, Target } from "./question.ts";
import { exporter, telltale } from "./subject.ts";

const BREAKERS = 1000;
const CLIENTS = ["prom-client", "@prometheus-io/client"] as const;

/** What is asked of a registry here; both clients have it. */
interface Registry {
  getMetricsAsArray(): readonly object[];
  metrics(): Promise<string>;
}

/** A registry of a client with the metrics of a thousand breakers, none of them under `__other__`. */
async function filled(
  bench: Bench,
  client: (typeof CLIENTS)[number],
  callDurations: boolean,
): Promise<Registry | Skipped> {
  const { CircuitBreaker } = await telltale(bench);
  const module = await exporter(bench, "prometheus");
  const attach: unknown =
    module === undefined ? undefined : Reflect.get(module, "exportToPrometheus");
  if (typeof attach !== "function") return { skipped: "telltale/prometheus does not exist" };
  const { Registry } = await import(client);
  const registry: Registry = new Registry();
  const breakers = Array.from({ length: BREAKERS }, (_, n) => new CircuitBreaker(`breaker-${n}`));
  attach(breakers, registry, { nameBudget: BREAKERS, callDurations });
  return registry;
}

/** What the registry asks of us: the numbers of every metric, without their text. */
async function ours(registry: Registry): Promise<void> {
  const pages = await Promise.all(
    registry.getMetricsAsArray().map((metric) => {
      const ask: unknown = Reflect.get(metric, "getForPromString");
      if (typeof ask !== "function") throw new Error("a metric is not one of ours");
      return ask.call(metric);
    }),
  );
  if (pages.some(({ values }) => values.length === 0)) throw new Error("a metric has no numbers");
}

async function whole(registry: Registry): Promise<void> {
  const text = await registry.metrics();
  if (!text.includes(`breaker-${BREAKERS - 1}`)) throw new Error("a breaker is missing");
}

/** Milliseconds of one scrape: the lower quartile, because whatever else the machine does only adds. */
async function msPerScrape(
  { effort }: Bench,
  registry: Registry | Skipped,
  once: (registry: Registry) => Promise<void>,
): Promise<number | Skipped> {
  if ("skipped" in registry) return registry;
  for (let n = 0; n < 5; n++) await once(registry);
  const figures: number[] = [];
  const untilMs = performance.now() + 5 * effort.measureMs;
  do {
    const startMs = performance.now();
    await once(registry);
    figures.push(performance.now() - startMs);
  } while (performance.now() < untilMs || figures.length < 10);
  return quantile(figures, 0.25);
}

const wholePages: readonly Cell[] = CLIENTS.flatMap((client) =>
  [false, true].map((callDurations): Cell => {
    const targets: readonly Target[] = callDurations ? [] : [{ kind: "absolute", atMost: 50 }];
    return {
      id: `scrape/${client}${callDurations ? "-durations" : ""}`,
      label: `the whole page by ${client}${callDurations ? ", call durations too" : ""}`,
      targets,
      measure: async (bench) =>
        msPerScrape(bench, await filled(bench, client, callDurations), whole),
    };
  }),
);

/** What a scrape costs. */
export const scrape: Question = {
  title: "A scrape of 1 000 breakers",
  unit: "ms",
  note: "Our part is reading the breakers and handing over every number; the rest is the client making text of them.",
  cells: [
    {
      id: "scrape/ours",
      label: "our part",
      targets: [{ kind: "absolute", atMost: 15 }],
      measure: async (bench) => msPerScrape(bench, await filled(bench, "prom-client", false), ours),
    },
    {
      id: "scrape/ours-durations",
      label: "our part, call durations too",
      targets: [{ kind: "absolute", atMost: 15 }],
      measure: async (bench) => msPerScrape(bench, await filled(bench, "prom-client", true), ours),
    },
    ...wholePages,
  ],
};
