import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { startAlertmanager, startWebhook, type Webhook } from "../support/monitoring.ts";
import { describeWith, program } from "../support/programs.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { SEVERITY } from "./scenario.ts";

const EXAMPLE = new URL("../../docs/alerts/alertmanager.example.yml", import.meta.url);
const path = fileURLToPath(EXAMPLE);
const run = promisify(execFile);

/** Where each alert goes. */
function receiverOf(alert: string): string {
  if (SEVERITY[alert] === "critical") return "on-call";
  return SEVERITY[alert] === "info" ? "team-feed" : "team-channel";
}

describeWith("amtool")("docs/alerts/alertmanager.example.yml", () => {
  test("passes amtool check-config", async () => {
    const { stdout } = await run(program("amtool"), ["check-config", path]);
    expect(stdout).toContain("SUCCESS");
  });

  test.each([
    ...Object.keys(SEVERITY).map((alert) => [alert, SEVERITY[alert], receiverOf(alert)] as const),
    ["AnotherAlert", "critical", "team-channel"] as const,
  ])("routes %s (%s) to %s", async (alert, severity, receiver) => {
    const labels = [`alertname=${alert}`, `severity=${severity}`, "job=checkout"];
    const args = ["config", "routes", "test", `--config.file=${path}`];
    // amtool fails when the receivers are others.
    await run(program("amtool"), [...args, `--verify.receivers=${receiver}`, ...labels]);
  });

  test("has a route for what cannot wait, and one message for each breaker", () => {
    const { route } = parse(readFileSync(EXAMPLE, "utf8"));
    expect(route.routes[0]).toMatchObject({
      matchers: ['alertname="CircuitBreakerTripImminent"'],
      group_wait: "0s",
    });
    expect(route.routes[1].group_by).toEqual(["job", "circuit_breaker_name"]);
  });
});

describeWith("prometheus-alertmanager")(
  "the inhibitions of the example, in a real Alertmanager",
  () => {
    let webhook: Webhook;
    let alertmanager: ServerProcess;
    beforeAll(async () => {
      webhook = await startWebhook();
      const config = readFileSync(EXAMPLE, "utf8");
      alertmanager = await startAlertmanager(
        config.replaceAll("http://127.0.0.1:9095", webhook.url),
      );
    });
    afterAll(async () => {
      await alertmanager?.stop();
      await webhook?.stop();
    });

    interface ShownAlert {
      readonly labels: Readonly<Record<string, string>>;
      readonly status: { readonly inhibitedBy: readonly string[] };
    }

    /** What is inhibited of the alerts that fire for a breaker. */
    async function inhibited(
      breaker: string,
      alerts: readonly string[],
      labels: Readonly<Record<string, string>> = {},
    ): Promise<readonly string[]> {
      const canary = `canary-${breaker}`;
      await post([
        ...alerts.map((alert, n) => labelsOf(alert, breaker, n === 0 ? labels : {})),
        // Alerts are taken in one after the other: when these inhibit, all before have had their chance.
        labelsOf("CircuitBreakerOpen", canary),
        labelsOf("CircuitBreakerTripImminent", canary),
      ]);
      for (;;) {
        const answer = await fetch(`${alertmanager.url}/api/v2/alerts`);
        const all: readonly ShownAlert[] = JSON.parse(await answer.text());
        const mute = all
          .filter(({ status }) => status.inhibitedBy.length > 0)
          .map((each) => each.labels);
        if (mute.some((each) => each["circuit_breaker_name"] === canary)) {
          const own = mute.filter((each) =>
            [breaker, `${breaker}-2`].includes(each["circuit_breaker_name"] ?? ""),
          );
          return own.map((each) => each["alertname"] ?? "");
        }
        await sleep(20);
      }
    }

    function labelsOf(
      alertname: string,
      breaker: string,
      others: Readonly<Record<string, string>> = {},
    ): Record<string, string> {
      const severity = SEVERITY[alertname] ?? "";
      const labels = { job: "checkout", circuit_breaker_name: breaker, ...others };
      // The alerts about money name a budget in the place of a breaker.
      return { alertname, severity, ...labels, budget: labels.circuit_breaker_name };
    }

    async function post(alerts: readonly Readonly<Record<string, string>>[]): Promise<void> {
      const { status } = await fetch(`${alertmanager.url}/api/v2/alerts`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(alerts.map((labels) => ({ labels }))),
      });
      expect(status).toBe(200);
    }

    const PAIRS: readonly (readonly [source: string, target: string])[] = [
      ["CircuitBreakerOpen", "CircuitBreakerTripImminent"],
      ["CircuitBreakerOpenTooLong", "CircuitBreakerTripImminent"],
      ["CircuitBreakerFlapping", "CircuitBreakerTripImminent"],
      ["CircuitBreakerOpenTooLong", "CircuitBreakerOpen"],
      ["CircuitBreakerForcedOpenStuck", "CircuitBreakerOpen"],
      ["CircuitBreakerForcedOpenStuck", "CircuitBreakerOpenTooLong"],
      ["CircuitBreakerOpenTooLong", "CircuitBreakerSkipRatioHigh"],
      ["CircuitBreakerErrorBudgetBurn", "CircuitBreakerSkipRatioHigh"],
      ["CircuitBreakerBudgetEnd", "CircuitBreakerBudgetHigh"],
    ];

    const all = Object.keys(SEVERITY).flatMap((source) =>
      Object.keys(SEVERITY).map((target) => [source, target] as const),
    );
    const isPair = (source: string, target: string): boolean =>
      PAIRS.some(([one, other]) => one === source && other === target);

    test.each(PAIRS)(
      "%s inhibits %s of the same breaker, and of no other",
      async (source, target) => {
        expect(await inhibited(`same-${source}-${target}`, [source, target])).toEqual([target]);
        const other = `other-${source}-${target}`;
        expect(
          await inhibited(other, [source, target], { circuit_breaker_name: `${other}-2` }),
        ).toEqual([]);
        const job = `job-${source}-${target}`;
        expect(await inhibited(job, [source, target], { job: "stock" })).toEqual([]);
      },
    );

    test("no other alert inhibits another", async () => {
      for (const [source, target] of all) {
        if (source >= target || isPair(source, target) || isPair(target, source)) continue;
        const breaker = `none-${source}-${target}`;
        expect(await inhibited(breaker, [source, target]), `${source} ${target}`).toEqual([]);
      }
    });
  },
);
