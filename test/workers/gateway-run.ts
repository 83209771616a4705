import { readdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";
import { Miniflare, type WorkerOptions } from "miniflare";
import { bundleGateway } from "../../examples/llm-gateway/bundle.ts";
import { workerOptions } from "./worker.ts";

/** Polls until something holds. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  const limitMs = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > limitMs) throw new Error("What was waited for did not come");
    await sleep(10);
  }
}

/** The processes of workerd that this one has started. */
function workerdProcesses(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
        const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return stat.includes("(workerd)") && Number(parent) === process.pid && state !== "Z";
      } catch {
        // It has ended meanwhile.
        return false;
      }
    });
}

/** Workers of the same script in one workerd: isolates that share nothing but the Durable Objects of the first. */
export interface RunOptions {
  readonly script: string;
  readonly isolates: number;
  /** Where Durable Objects and KV are kept; in memory without it. */
  readonly folder?: string;
  readonly className: string;
  readonly bindings?: Readonly<Record<string, string>>;
  /** @default ["STATE"] */
  readonly kvNamespaces?: string[];
}

/** A running workerd. */
export class WorkerdRun {
  readonly miniflare: Miniflare;
  readonly #pids: readonly number[];

  private constructor(miniflare: Miniflare, pids: readonly number[]) {
    this.miniflare = miniflare;
    this.#pids = pids;
  }

  static async start(options: RunOptions) {
    const { script, isolates, folder, className, bindings = {}, kvNamespaces } = options;
    const before = workerdProcesses();
    const workers = Array.from({ length: isolates }, (_, n): WorkerOptions => {
      const owner = n === 0 ? { className } : { className, scriptName: "isolate-0" };
      return {
        ...workerOptions(`isolate-${n}`, script),
        bindings,
        durableObjects: { PROVIDERS: { ...owner, useSQLite: true } },
        kvNamespaces: kvNamespaces ?? ["STATE"],
      };
    });
    const kept = folder === undefined ? {} : { durableObjectsPersist: folder, kvPersist: folder };
    const miniflare = new Miniflare({
      workers,
      ...kept,
      cf: false,
      host: "127.0.0.1",
      port: 0,
      handleRuntimeStdio(stdout: Readable, stderr: Readable) {
        stdout.resume();
        stderr.resume();
      },
    });
    await miniflare.ready;
    const pids = workerdProcesses().filter((pid) => !before.includes(pid));
    return new WorkerdRun(miniflare, pids);
  }

  /** Asks one of the isolates. */
  async fetch(
    isolate: number,
    path: string,
    body?: object,
  ): Promise<{ status: number; text: string }> {
    const worker = await this.miniflare.getWorker(`isolate-${isolate}`);
    const response = await worker.fetch(`http://gateway${path}`, {
      headers: { authorization: "Bearer local" },
      ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  }

  /** kill -9. */
  async kill(): Promise<void> {
    if (this.#pids.length === 0) throw new Error("No process of workerd was found");
    for (const pid of this.#pids) process.kill(pid, "SIGKILL");
    await until(() => workerdProcesses().every((pid) => !this.#pids.includes(pid)));
    await this.stop();
  }

  async stop(): Promise<void> {
    await this.miniflare.dispose().catch(() => {});
  }
}

const forgetful = fileURLToPath(new URL("forgetful.ts", import.meta.url));

/** Puts memory of the isolate in the place of `telltale/workers`. */
const WITHOUT_OWNER: Plugin = {
  name: "without-owner",
  setup(build) {
    build.onResolve({ filter: /src\/workers\/index\.ts$/ }, () => ({ path: forgetful }));
  },
};

/** The example, and what it would be without the feature. */
export const gatewayScript = (owner: "with owner" | "without"): Promise<string> =>
  bundleGateway(owner === "with owner" ? [] : [WITHOUT_OWNER]);
