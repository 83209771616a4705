import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";
import { dirname, join } from "node:path";

/** Where and on what a run was made. */
export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly os: string;
  readonly commit: string;
  /** Whether the sources differ from the commit. */
  readonly dirty: boolean;
  readonly peers: Readonly<Record<string, string>>;
}

const PEERS = ["opossum", "cockatiel", "mollitia", "pino", "prom-client"];
const BYTES_PER_GB = 2 ** 30;

export function describeMachine(root: string): Machine {
  const git = (...args: string[]): string =>
    spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout?.trim() ?? "";
  return {
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / BYTES_PER_GB),
    os: `${platform()} ${release()} ${arch()}`,
    commit: git("rev-parse", "--short", "HEAD") || "unknown",
    dirty: git("status", "--porcelain", "--", "src") !== "",
    peers: Object.fromEntries(PEERS.map((name) => [name, versionOf(name)])),
  };
}

/** A short description for the name of a file. */
export function machineSlug({ cpu, cores, node }: Machine): string {
  const words = `${platform()}-${arch()}-${cores}x-${cpu}-node${node.slice(1).split(".")[0]}`;
  return words
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/-+$/, "");
}

/** How many processes wanted a core in the last minute. */
export const load = (): number => Math.round((loadavg()[0] ?? 0) * 100) / 100;

function versionOf(name: string): string {
  let folder = dirname(createRequire(import.meta.url).resolve(name));
  for (let up = 0; up < 4; up++, folder = dirname(folder)) {
    try {
      const found: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      if (typeof found === "object" && found !== null && Reflect.get(found, "name") === name) {
        return String(Reflect.get(found, "version"));
      }
    } catch {
      // Not every folder on the way up has a package.json.
    }
  }
  return "unknown";
}
