import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What the tests run beyond npm's packages: the program, and the Debian package that has it. */
export const PROGRAMS = {
  "redis-server": { debian: "redis-server" },
  prometheus: { debian: "prometheus" },
  promtool: { debian: "prometheus" },
  "prometheus-alertmanager": { debian: "prometheus-alertmanager" },
  amtool: { debian: "prometheus-alertmanager" },
  chromium: { debian: "chromium" },
  "nats-server": { debian: "nats-server" },
  openssl: { debian: "openssl" },
  tmux: { debian: "tmux" },
  jq: { debian: "jq" },
} as const satisfies Record<string, { readonly debian: string }>;

/** A program that tests run. */
export type Program = keyof typeof PROGRAMS;

const PATH = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/sbin"];

/** Where a program is; undefined when the machine does not have it. */
export function whereIs(program: Program): string | undefined {
  return PATH.map((folder) => join(folder, program)).find((file) => existsSync(file));
}

/** The programs that this machine does not have. */
export function absent(): readonly Program[] {
  // The keys are exactly Program.
  return (Object.keys(PROGRAMS) as Program[]).filter((program) => whereIs(program) === undefined);
}
