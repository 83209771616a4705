import type { BreakerStats } from "../../src/index.ts";
import { type Page, valuesOf } from "../support/scrape.ts";

/** What every exporter has to agree on about one breaker. */
export interface Totals {
  /** Calls by what they counted as; those of none are left out. */
  readonly calls: Readonly<Record<string, number>>;
  readonly skips: number;
  readonly trips: { readonly error: number; readonly latency: number };
  readonly transitions: number;
}

type Fields = Readonly<Record<string, unknown>>;

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** Without the words that nothing was counted under, in one order. */
const counted = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(counts)
      .filter(([, count]) => count > 0)
      .sort(),
  );

/** As the breaker itself counts. */
export function totalsOfStats({ calls, skips, trips, transitions }: BreakerStats): Totals {
  const { error, latency } = trips;
  return {
    calls: counted(calls),
    skips: sum(skips),
    trips: { error, latency },
    transitions: sum(transitions),
  };
}

/**
 * As somebody counts who has the events alone, or lines of them: refusals that were sampled away are in `suppressed` of
 * a later line.
 */
export function totalsOfEvents(events: readonly Fields[]): Totals {
  const calls: Record<string, number> = {};
  const count = (word: unknown) => {
    calls[String(word)] = (calls[String(word)] ?? 0) + 1;
  };
  const trips = { error: 0, latency: 0 };
  let skips = 0;
  let transitions = 0;
  for (const event of events) {
    const { type, reason, countedAs, suppressed }: Fields & { readonly [key: string]: unknown } =
      event;
    skips += Number(suppressed ?? 0);
    if ("from" in event && type !== "circuit.degrade" && type !== "circuit.would_open")
      transitions++;
    if (type === "circuit.skip") skips++;
    else if (type === "circuit.success") count("success");
    else if (type === "circuit.failure") count(reason);
    else if (type === "circuit.ignored") count(countedAs);
    else if (type === "circuit.late") count("late");
    else if (type === "circuit.open" && (reason === "error" || reason === "latency"))
      trips[reason]++;
  }
  return { calls: counted(calls), skips, trips, transitions };
}

/** As a page of metrics says, of one breaker. */
export function totalsOfPage(page: Page, breaker: string): Totals {
  const of = (metric: string) =>
    Object.fromEntries(
      Object.entries(valuesOf(page, `circuit_breaker_${metric}_total`))
        .filter(([key]) => key.startsWith(`${breaker} `))
        .map(([key, value]) => [key.slice(breaker.length + 1), value]),
    );
  const { error = 0, latency = 0 } = of("trips");
  return {
    calls: counted(of("calls")),
    skips: sum(of("skips")),
    trips: { error, latency },
    transitions: sum(of("transitions")),
  };
}
