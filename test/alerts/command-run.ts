import { vi } from "vitest";
import { alertsCommand } from "../../src/cli/alerts-command.ts";
import { run } from "../../src/cli/command-line.ts";

/** What a command line did. */
export interface Ran {
  readonly code: number;
  readonly text: string;
  readonly errors: string;
}

/** Runs `telltale alerts` in this process: a new one for each of some hundred lines would take a minute. */
export async function alerts(...args: readonly string[]): Promise<Ran> {
  const ran = { code: -1, text: "", errors: "" };
  const out = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    ran.text += text;
    return true;
  });
  const err = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    ran.errors += text;
    return true;
  });
  try {
    ran.code = await run(["alerts", ...args], { alerts: alertsCommand });
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
  return ran;
}
