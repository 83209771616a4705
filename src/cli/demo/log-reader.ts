import { setTimeout as sleep } from "node:timers/promises";
import type { CircuitEvent } from "../../index.ts";
import { parseEventLine } from "../../report/index.ts";
import type { Narrator } from "./narrator.ts";
import type { Terminal } from "./terminal.ts";

const POLL_MS = 10;
const WAIT_LIMIT_MS = 2_000;

/** Reads the lines that the service logs to its stdout. */
export class LogReader {
  readonly #narrator: Narrator;
  readonly #terminal: Terminal;
  #lines = 0;

  constructor(narrator: Narrator, terminal: Terminal) {
    this.#narrator = narrator;
    this.#terminal = terminal;
  }

  take(line: string): void {
    this.#lines++;
    const record = parseEventLine(line);
    if (record?.type.startsWith("circuit.") === true) {
      const { suppressed } = record;
      // The service wrote the line from such an event: the reader of records has put it back into its form.
      const event = record as unknown as CircuitEvent;
      this.#narrator.take(event, typeof suppressed === "number" ? suppressed : 0);
    } else {
      this.#terminal.line(`service: ${line}`, "warning");
    }
  }

  /** Waits until this many lines have come: the recording has them at once, the pipe a moment later. */
  async until(lines: number, signal: AbortSignal): Promise<void> {
    for (let waitedMs = 0; this.#lines < lines && waitedMs < WAIT_LIMIT_MS; waitedMs += POLL_MS) {
      await sleep(POLL_MS, undefined, { signal });
    }
  }
}
