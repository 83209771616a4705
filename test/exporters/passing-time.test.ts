import { expect, test } from "vitest";
import type { CircuitBreaker, CircuitEvent } from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { START_AT_MS } from "../support/fake-clock.ts";
import { collected, scraped } from "../support/scraped.ts";
import { permitOf } from "../support/states.ts";

// A scrape commits and tells what time alone has brought about, before it shows it.

const OPTIONS = { latencyTripMs: 2_000, inFlight: true, failureThreshold: 2, cooldownMs: 10_000 };

function heard(breaker: CircuitBreaker): string[] {
  const told: string[] = [];
  breaker.on("circuit.*", ({ type }: CircuitEvent) => told.push(type));
  return told;
}

const PIPELINES = {
  prometheus: () => scraped({}, OPTIONS),
  opentelemetry: () => {
    const made = collected();
    made.breaker.reconfigure(OPTIONS);
    return made;
  },
};

test.each(["prometheus", "opentelemetry"] as const)(
  "a scrape by %s commits a trip by calls that hang, and every series says so",
  async (pipeline) => {
    const { breaker, clock, values } = PIPELINES[pipeline]();
    const told = heard(breaker);
    permitOf({ breaker });
    permitOf({ breaker });
    clock.advance(2_001);
    expect(await values("state")).toMatchObject({ "payments open": 1, "payments closed": 0 });
    expect(told).toEqual(["circuit.open"]);
    expect(await values("transitions_total")).toMatchObject({ "payments closed open": 1 });
    expect(await values("trips_total")).toMatchObject({ "payments latency": 1 });
    expect(await values("trip_progress_ratio")).toEqual({ payments: 1 });
    expect(await values("traffic_share_ratio")).toEqual({ payments: 0 });
    expect(await values("opened_timestamp_seconds")).toEqual({
      payments: (START_AT_MS + 2_001) / 1000,
    });
    expect(told).toEqual(["circuit.open"]);
  },
);

test("a scrape ends the leases that are over, and opens for no probe", async () => {
  const { breaker, clock, values } = scraped({}, { ...OPTIONS, halfOpen: { leaseMs: 50 } });
  breaker.recordFailure(BOOM);
  breaker.recordFailure(BOOM);
  clock.advance(10_000);
  expect(await values("state")).toMatchObject({ "payments half_open": 1 });
  expect(breaker.stats.transitions["open->half_open"]).toBe(0);
  permitOf({ breaker });
  clock.advance(50);
  expect(await values("probes_total")).toMatchObject({ "payments expired": 1 });
});
