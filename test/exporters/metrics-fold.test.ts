import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { BREAKER_METRIC_NAMES, METRICS } from "../../src/events/metrics.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import {
  CircuitBreaker,
  type CircuitEvent,
  createEventBus,
  EVENTS,
  type EventMetric,
  type Permit,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { parse } from "../support/scrape.ts";

type Step = (life: Life) => void;

interface Life {
  readonly breaker: CircuitBreaker;
  readonly clock: FakeClock;
  readonly permits: Permit[];
  shaky: boolean;
  quotaMs: number;
}

const settle =
  (end: (permit: Permit) => void): Step =>
  ({ permits }) => {
    const permit = permits.shift();
    if (permit !== undefined) end(permit);
  };

const admit: Step = ({ breaker, permits }) => {
  const permit = breaker.admit();
  if (permit.ok) permits.push(permit);
};
const STEPS: readonly Step[] = [
  admit,
  admit,
  admit,
  settle((permit) => permit.success()),
  settle((permit) => permit.success(2000)),
  settle((permit) => permit.failure(BOOM)),
  settle((permit) => permit.failure(BOOM)),
  settle((permit) => permit.ignore()),
  settle((permit) => permit.cancel()),
  settle((permit) => permit.release()),
  ({ breaker }) => breaker.recordFailure(BOOM),
  ({ breaker }) => breaker.recordFailure(BOOM),
  ({ breaker }) => breaker.recordSuccess(),
  ({ clock }) => clock.advance(250),
  ({ clock }) => clock.advance(1000),
  ({ clock }) => clock.advance(2000),
  ({ breaker }) => breaker.forceOpen(),
  ({ breaker }) => breaker.forceOpen("drill", { forMs: 500 }),
  ({ breaker }) => breaker.reset(),
  ({ breaker }) => breaker.disable(),
  ({ breaker }) => breaker.enable(),
  (life) => {
    life.shaky = !life.shaky;
  },
  (life) => {
    life.quotaMs = life.quotaMs === 0 ? 1000 : 0;
  },
];

const SERIES_OF_EVENTS = BREAKER_METRIC_NAMES.filter(
  (name) =>
    METRICS[name].type === "counter" &&
    name !== "circuit_breaker_series_overflow_total" &&
    name !== "circuit_breaker_open_seconds_total",
);

/** What one entry of the catalogue's `metrics` makes of an event: the series that it moves, and by how much. */
function moved(entry: EventMetric, fields: Readonly<Record<string, unknown>>): [string, number] {
  const { metric, labels, by, only } = entry;
  if (only !== undefined && !only.words.includes(String(fields[only.field]))) return ["", 0];
  const written = Object.entries(labels).map(
    ([label, from]) => `${label}="${typeof from === "string" ? fields[from] : from.value}"`,
  );
  if (metric !== "circuit_breaker_events_dropped_total") {
    written.push(`circuit_breaker_name="${fields["breaker"]}"`);
  }
  return [`${metric}{${written.sort().join(",")}}`, by === undefined ? 1 : Number(fields[by])];
}

function foldCounters(events: readonly TelltaleEvent[]): Map<string, number> {
  const folded = new Map<string, number>();
  for (const event of events) {
    for (const entry of EVENTS[event.type].metrics) {
      const [series, by] = moved(entry, { ...event });
      if (by > 0) folded.set(series, (folded.get(series) ?? 0) + by);
    }
  }
  return folded;
}

/** Time in open and forced_open, by the events alone. */
function foldOpenSeconds(events: readonly TelltaleEvent[], nowAtMs: number): number {
  const changes = events.filter((event): event is CircuitEvent => "from" in event);
  let openMs = 0;
  for (const [n, { state, atMs }] of changes.entries()) {
    const isOpen = state === "open" || state === "forced_open";
    if (isOpen) openMs += (changes[n + 1]?.atMs ?? nowAtMs) - atMs;
  }
  return openMs / 1000;
}

test("the counters of the metrics are what the events add up to", async () => {
  const visited = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...STEPS), { minLength: 60, maxLength: 120 }),
      async (steps) => {
        const clock = new FakeClock();
        const bus = createEventBus();
        const halfOpen = { leaseMs: 1500, maxProbes: 2, successThreshold: 2 };
        const options = { failureThreshold: 2, latencyTripMs: 1000, cooldownMs: 1000 };
        const quota = () => life.quotaMs;
        const breaker = new CircuitBreaker("payments", { clock, bus, halfOpen, quota, ...options });
        const life: Life = { breaker, clock, permits: [], shaky: false, quotaMs: 0 };
        const events: TelltaleEvent[] = [];
        bus.on("bus.*", (event) => events.push(event));
        bus.on("circuit.*", (event) => events.push(event));
        bus.on("circuit.*", () => {
          if (life.shaky) throw BOOM;
        });
        const registry = new Registry();
        exportToPrometheus(breaker, registry);

        for (const step of steps) step(life);

        const { series } = parse(await registry.metrics());
        const folded = foldCounters(events);
        const scraped = [...series].filter(([key]) =>
          SERIES_OF_EVENTS.some((name) => key.startsWith(`${name}{`)),
        );
        const moving = scraped.filter(([, value]) => value > 0);
        expect(new Map([...moving].sort())).toEqual(new Map([...folded].sort()));
        for (const [key] of moving) visited.add(key);
        const openSeconds = 'circuit_breaker_open_seconds_total{circuit_breaker_name="payments"}';
        expect(series.get(openSeconds)).toBe(foldOpenSeconds(events, clock.epochMs()));
      },
    ),
    { numRuns: 1500 },
  );
  // 7 calls, 4 skips, 2 trips, 13 state changes, 8 probes, 1 sink: the run above has seen all that can happen.
  expect([...visited].sort()).toHaveLength(35);
});
