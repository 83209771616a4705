import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { committedRules, rulesOf } from "../alerts/rules-document.ts";
import { SEVERITY } from "../alerts/scenario.ts";
import type { NotifiedAlert } from "../support/monitoring.ts";
import { describeWith } from "../support/programs.ts";
import { dashboardFiles, dashboardQueries } from "./alerts/dashboard-queries.ts";
import { queryRange, type Span } from "./alerts/prometheus-query.ts";
import {
  PIPELINES,
  startWatchedServices,
  type WatchedServices,
} from "./alerts/watched-services.ts";

/** A wait ends when what it waits for is there; a machine that is busy may take long. */
const LIMIT_MS = 240_000;
const POLL_MS = 100;

/** The alerts of the outage, in the order in which its script makes them fire. */
const CHAIN = [
  "CircuitBreakerTripImminent",
  "CircuitBreakerLatencyTrips",
  "CircuitBreakerOpen",
  "CircuitBreakerErrorTrips",
  "CircuitBreakerOpenTooLong",
];
/** Those that fire somewhere between the first trip and the last of the chain. */
const BETWEEN = [
  "CircuitBreakerErrorBudgetBurn",
  "CircuitBreakerEventsDropped",
  "CircuitBreakerSkipRatioHigh",
];

describeWith("prometheus", "prometheus-alertmanager")(
  "an outage, from both pipelines to the webhook",
  () => {
    let services: WatchedServices;
    const span: { start: number; end: number } = { start: Date.now() / 1000, end: 0 };

    const of = (job: string, status: NotifiedAlert["status"]): readonly string[] =>
      services.webhook.told
        .filter((alert) => alert.status === status && alert.labels["job"] === job)
        .map(({ labels }) => labels["alertname"] ?? "");

    /** Waits until both pipelines have told of an alert that it fires, or last of all that it has resolved. */
    async function told(status: NotifiedAlert["status"], alert: string): Promise<void> {
      for (let waitedMs = 0; ; waitedMs += POLL_MS) {
        const jobs = PIPELINES.filter((job) => {
          const messages = services.webhook.told.filter(
            ({ labels }) => labels["alertname"] === alert && labels["job"] === job,
          );
          const said = status === "firing" ? messages : messages.slice(-1);
          return said.some((message) => message.status === status);
        });
        if (jobs.length === PIPELINES.length) return;
        if (waitedMs > LIMIT_MS) {
          const seen = services.webhook.told.map(
            ({ labels, status: is }) => `${is} ${labels["alertname"]} ${labels["job"]}`,
          );
          throw new Error(
            `${alert} was ${status} only for ${jobs.join() || "nobody"}:\n${seen.join("\n")}`,
          );
        }
        await sleep(POLL_MS);
      }
    }

    beforeAll(async () => {
      services = await startWatchedServices();
      span.start = Date.now() / 1000;
      // Enough good calls that failures are a share of something.
      await sleep(3_000);
      services.behave("near");
      await told("firing", "CircuitBreakerTripImminent");
      services.behave("healthy");
      await told("resolved", "CircuitBreakerTripImminent");
      services.behave("slow");
      await told("firing", "CircuitBreakerLatencyTrips");
      await told("firing", "CircuitBreakerOpen");
      services.behave("failing");
      await told("firing", "CircuitBreakerErrorTrips");
      await told("firing", "CircuitBreakerOpenTooLong");
      services.behave("healthy");
      for (const alert of [...CHAIN.slice(1), ...BETWEEN]) await told("resolved", alert);
      span.end = Date.now() / 1000;
    }, 3 * LIMIT_MS);
    afterAll(() => services?.stop());

    test.each(PIPELINES)("%s: the expected alerts fire, and no others", (job) => {
      expect([...new Set(of(job, "firing"))].toSorted()).toEqual([...CHAIN, ...BETWEEN].toSorted());
    });

    test.each(PIPELINES)("%s: they fire in the order of the incident", (job) => {
      const firing = [...new Set(of(job, "firing"))];
      expect(firing.filter((alert) => CHAIN.includes(alert))).toEqual(CHAIN);
      for (const alert of BETWEEN) {
        expect(firing.indexOf(alert), alert).toBeGreaterThan(
          firing.indexOf("CircuitBreakerTripImminent"),
        );
        expect(firing.indexOf(alert), alert).toBeLessThan(
          firing.indexOf("CircuitBreakerOpenTooLong"),
        );
      }
    });

    test.each(PIPELINES)(
      "%s: each of them resolves, the open before the one that lasted too long",
      (job) => {
        const resolved = of(job, "resolved");
        expect([...new Set(resolved)].toSorted()).toEqual([...CHAIN, ...BETWEEN].toSorted());
        expect(resolved[0]).toBe("CircuitBreakerTripImminent");
        const last = (alert: string): number => resolved.lastIndexOf(alert);
        expect(last("CircuitBreakerOpen")).toBeLessThan(last("CircuitBreakerOpenTooLong"));
      },
    );

    test("no alert fired that nobody was told of", async () => {
      const all = await queryRange(services.prometheusUrl, 'ALERTS{alertstate="firing"}', span);
      const names = new Set(all.map(({ labels }) => labels["alertname"]));
      expect([...names].toSorted()).toEqual([...CHAIN, ...BETWEEN].toSorted());
      expect(new Set(all.map(({ labels }) => labels["job"]))).toEqual(new Set(PIPELINES));
    });

    test("the messages have the labels and the texts of the rules", () => {
      for (const { labels, annotations } of services.webhook.told) {
        const { alertname = "", job = "" } = labels;
        const further =
          alertname === "CircuitBreakerEventsDropped"
            ? { sink: "listener" }
            : { circuit_breaker_name: "payments" };
        expect(labels).toEqual({ alertname, job, severity: SEVERITY[alertname], ...further });
        expect(annotations["summary"]).toContain(job);
        expect(annotations["description"]).not.toMatch(/<no value>|<error|\{\{/);
      }
      const open = services.webhook.told.find(
        ({ labels }) => labels["alertname"] === "CircuitBreakerOpen",
      );
      expect(open?.annotations["description"]).toContain("in 1 of 1 instances");
    });

    test("the series of OpenTelemetry carry the scope that the rules must not group by", async () => {
      const found = await queryRange(
        services.prometheusUrl,
        'circuit_breaker_state{job="opentelemetry"}',
        span,
      );
      expect(found.length).toBeGreaterThan(0);
      for (const { labels } of found) expect(labels).toHaveProperty("otel_scope_version");
    });

    const recordings = rulesOf(committedRules()).flatMap(({ record }) => record ?? []);
    // What looks back for days has nothing to say of a minute.
    const ofMinutes = recordings.filter((record) => !/mean(?:1d|7d)/.test(record));

    test.each(ofMinutes)("%s has values of both pipelines", async (record) => {
      const found = await queryRange(services.prometheusUrl, record, span);
      const finite = found.filter(({ values }) => values.some(Number.isFinite));
      expect(new Set(finite.map(({ labels }) => labels["job"]))).toEqual(new Set(PIPELINES));
    });

    test("every query of the dashboards returns data", async () => {
      const empty: string[] = [];
      expect(dashboardFiles().length).toBeGreaterThan(0);
      for (const file of dashboardFiles()) {
        const queries = await dashboardQueries(file, services.prometheusUrl);
        expect(queries.length, file).toBeGreaterThan(0);
        for (const { name, query } of queries) {
          if (!(await hasData(query))) empty.push(`${name}: ${query}`);
        }
        console.log(`${file}: ${queries.length} queries`);
      }
      expect(empty).toEqual([]);
    });

    async function hasData(query: string): Promise<boolean> {
      const asked: Span = span;
      const found = await queryRange(services.prometheusUrl, query, asked);
      return found.some(({ values }) => values.some(Number.isFinite));
    }
  },
);
