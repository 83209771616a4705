import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { committedRules } from "../../alerts/rules-document.ts";
import { freePort } from "../../support/free-port.ts";
import {
  startAlertmanager,
  startPrometheus,
  startWebhook,
  type Webhook,
} from "../../support/monitoring.ts";
import { untilReady } from "../../support/server-process.ts";
import type { Behaviour } from "./behaviour.ts";
import { compressed } from "./compressed-rules.ts";
import { labelValues } from "./prometheus-query.ts";

/** How the metrics of a service get to Prometheus; also the job that it is scraped as. */
export const PIPELINES = ["prom-client", "opentelemetry"] as const;

/** Two services under the same outage, watched by a Prometheus and an Alertmanager. */
export interface WatchedServices {
  readonly prometheusUrl: string;
  readonly webhook: Webhook;
  /** Says to both services how their dependency behaves from now on. */
  behave(behaviour: Behaviour): void;
  stop(): Promise<void>;
}

const POLL_MS = 100;
const SERVICE = fileURLToPath(new URL("service.ts", import.meta.url));

/** Starts everything on free ports of 127.0.0.1; what was started is stopped again when something fails to start. */
export async function startWatchedServices(): Promise<WatchedServices> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const services: ChildProcess[] = [];
    const targets: { readonly job: string; readonly port: number }[] = [];
    for (const pipeline of PIPELINES) {
      const port = await freePort();
      const service = fork(SERVICE, [pipeline, String(port)]);
      stops.push(() => ended(service));
      services.push(service);
      targets.push({ job: pipeline, port });
      // Before Prometheus looks for them: that nobody is there is an alert, too.
      const hasEnded = () => service.exitCode !== null || service.signalCode !== null;
      await untilReady(`http://127.0.0.1:${port}/metrics`, hasEnded);
    }
    const webhook = await startWebhook();
    stops.push(() => webhook.stop());
    const alertmanager = await startAlertmanager(alertmanagerConfig(webhook.url));
    stops.push(() => alertmanager.stop());
    const folder = await mkdtemp(join(tmpdir(), "telltale-rules-"));
    stops.push(() => rm(folder, { recursive: true }));
    const rulesPath = join(folder, "compressed.rules.yaml");
    await writeFile(rulesPath, stringify({ groups: [] }));
    const prometheus = await startPrometheus(
      prometheusConfig(rulesPath, alertmanager.url, targets),
      // The five minutes for which a sample stands; and how soon a resolved alert may be told.
      ["--query.lookback-delta=5s", "--rules.alert.resend-delay=2s", "--web.enable-lifecycle"],
    );
    stops.push(() => prometheus.stop());
    // Prometheus looks for its targets no more often than every 5 s: five minutes, as fast as the rules are here.
    await untilScraped(prometheus.url);
    await writeFile(rulesPath, stringify(compressed(committedRules()), { lineWidth: 0 }));
    const reloaded = await fetch(`${prometheus.url}/-/reload`, { method: "POST" });
    if (!reloaded.ok) throw new Error(`Cannot load the rules: ${await reloaded.text()}`);
    return {
      prometheusUrl: prometheus.url,
      webhook,
      behave: (behaviour) => {
        for (const service of services) service.send(behaviour);
      },
      stop,
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function untilScraped(url: string): Promise<void> {
  while ((await labelValues(url, "job", "circuit_breaker_state")).length < PIPELINES.length) {
    await sleep(POLL_MS);
  }
}

async function ended(service: ChildProcess): Promise<void> {
  if (service.exitCode !== null || service.signalCode !== null) return;
  const exited = once(service, "exit");
  service.kill("SIGKILL");
  await exited;
}

/** Every alert by itself and at once, so that the order of the messages is the order of the incident. */
const alertmanagerConfig = (webhookUrl: string): string =>
  stringify({
    route: {
      receiver: "test",
      group_by: ["..."],
      group_wait: "10ms",
      group_interval: "250ms",
      repeat_interval: "1h",
    },
    receivers: [{ name: "test", webhook_configs: [{ url: webhookUrl, send_resolved: true }] }],
  });

function prometheusConfig(
  rulesPath: string,
  alertmanagerUrl: string,
  targets: readonly { readonly job: string; readonly port: number }[],
): string {
  return stringify({
    global: { scrape_interval: "250ms", scrape_timeout: "250ms", evaluation_interval: "250ms" },
    rule_files: [rulesPath],
    alerting: {
      alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanagerUrl).host] }] }],
    },
    scrape_configs: targets.map(({ job, port }) => ({
      job_name: job,
      static_configs: [{ targets: [`127.0.0.1:${port}`] }],
    })),
  });
}
