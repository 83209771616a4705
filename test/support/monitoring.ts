import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import { program } from "./programs.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

/** Starts a Prometheus on a free port of 127.0.0.1, with its data in a directory that goes with it. */
export async function startPrometheus(
  config: string,
  flags: readonly string[] = [],
): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), "telltale-prometheus-"));
  const configFile = join(folder, "prometheus.yml");
  await writeFile(configFile, config);
  const port = await freePort();
  return inFolder(folder, {
    file: program("prometheus"),
    args: [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
      ...flags,
    ],
    url: `http://127.0.0.1:${port}`,
    readyPath: "/-/ready",
  });
}

/** Starts an Alertmanager on a free port of 127.0.0.1, alone. */
export async function startAlertmanager(config: string): Promise<ServerProcess> {
  const folder = await mkdtemp(join(tmpdir(), "telltale-alertmanager-"));
  const configFile = join(folder, "alertmanager.yml");
  await writeFile(configFile, config);
  const port = await freePort();
  return inFolder(folder, {
    file: program("prometheus-alertmanager"),
    args: [
      `--config.file=${configFile}`,
      `--storage.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--cluster.listen-address=",
      "--log.level=warn",
    ],
    url: `http://127.0.0.1:${port}`,
    readyPath: "/-/ready",
  });
}

async function inFolder(
  folder: string,
  server: Parameters<typeof startServer>[0],
): Promise<ServerProcess> {
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const { url, stop } = await startServer(server);
    return {
      url,
      async stop() {
        await stop();
        await remove();
      },
    };
  } catch (thrown) {
    await remove();
    throw thrown;
  }
}

/** One alert of a notification. */
export interface NotifiedAlert {
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A webhook receiver, with what it was told in the order in which it was told. */
export interface Webhook extends ServerProcess {
  readonly told: readonly NotifiedAlert[];
}

export async function startWebhook(): Promise<Webhook> {
  const told: NotifiedAlert[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk;
    });
    request.on("end", () => {
      // Alertmanager sends nothing else here.
      const { alerts } = JSON.parse(body) as { readonly alerts: readonly NotifiedAlert[] };
      told.push(...alerts);
      response.end();
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${port}`,
    told,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
