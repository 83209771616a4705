import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { BreakerRegistry } from "../../src/index.ts";
import { failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { parse } from "../support/scrape.ts";

test.each(["before", "after"])(
  "a recovery is observed when its incident was restored %s the exporter was attached",
  async (when) => {
    const clock = new FakeClock();
    const before = new BreakerRegistry({ defaults: { clock } });
    await failTimes(before.get("payments"), 5);
    const rows = [...before.serialize()];
    clock.advance(60_000);
    const registry = new BreakerRegistry({ defaults: { clock } });
    const scraped = new Registry();
    if (when === "before") registry.restore(rows);
    exportToPrometheus(registry, scraped);
    if (when === "after") registry.restore(rows);
    await registry.get("payments").call(succeed);
    const { series: page } = parse(await scraped.metrics());
    const of = (name: string) =>
      page.get(`circuit_breaker_${name}{circuit_breaker_name="payments"}`);
    expect(of("recovery_duration_seconds_count")).toBe(1);
    expect(of("recovery_duration_seconds_sum")).toBe(60);
    expect(
      page.get('circuit_breaker_trips_total{circuit_breaker_name="payments",reason="error"}'),
    ).toBe(1);
  },
);
