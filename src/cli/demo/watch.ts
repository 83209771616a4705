import type { Narrator } from "./narrator.ts";
import { type Samples, scrape } from "./samples.ts";
import type { Entry, Terminal, Tone } from "./terminal.ts";
import { count, duration, utc } from "./wording.ts";

const EVERY_MS = 250;
const RATE_OVER_MS = 1_000;

/** What one scrape said. */
interface Reading {
  readonly atMs: number;
  readonly state: string;
  readonly failures: number;
  readonly threshold: number;
  readonly ran: number;
  readonly skipped: number;
  /** When the incident began; 0 when there is none. */
  readonly openedAtMs: number;
}

const STATES: Readonly<Record<string, { readonly label: string; readonly tone: Tone }>> = {
  closed: { label: "CLOSED", tone: "good" },
  half_open: { label: "HALF-OPEN", tone: "warning" },
  open: { label: "OPEN", tone: "bad" },
  forced_open: { label: "FORCED", tone: "bad" },
  disabled: { label: "DISABLED", tone: "warning" },
};

/** Keeps the status line up to date from the service's metrics page, as a dashboard would. */
export class StatusWatch {
  readonly #url: string;
  readonly #terminal: Terminal;
  readonly #narrator: Narrator;
  readonly #readings: Reading[] = [];
  #skippedBefore = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, terminal: Terminal, narrator: Narrator) {
    this.#url = url;
    this.#terminal = terminal;
    this.#narrator = narrator;
  }

  /** Runs until `signal` aborts. */
  start(signal: AbortSignal): void {
    const read = async (): Promise<void> => {
      try {
        const reading = readingOf(await scrape(this.#url, signal));
        if (!signal.aborted) this.#show(reading);
      } catch (error) {
        // A scrape may fail when the service dies, which is reported where it is noticed.
        if (!signal.aborted) this.#terminal.status(unreadable(error));
      }
      if (!signal.aborted) this.#timer = setTimeout(read, EVERY_MS);
    };
    signal.addEventListener("abort", () => clearTimeout(this.#timer), { once: true });
    void read();
  }

  #show(reading: Reading): void {
    const readings = this.#readings;
    readings.push(reading);
    while ((readings[1]?.atMs ?? reading.atMs) <= reading.atMs - RATE_OVER_MS) readings.shift();
    if (reading.openedAtMs === 0) this.#skippedBefore = reading.skipped;
    const { label, tone } = STATES[reading.state] ?? { label: reading.state, tone: "plain" };
    const text = `${this.#situation(reading)} | ${this.#rates(reading)}`;
    this.#terminal.status({ atMs: reading.atMs, tone, label, text });
  }

  #situation({ atMs, openedAtMs, skipped, failures, threshold, state }: Reading): string {
    if (openedAtMs === 0) {
      return `${failures} of ${threshold} failures to a trip, ${count(skipped)} skipped so far`;
    }
    const since = `skipped ${count(skipped - this.#skippedBefore)} since ${utc(openedAtMs)}`;
    const leftMs = (this.#narrator.retryAtMs ?? atMs) - atMs;
    const next =
      state === "half_open"
        ? "probing"
        : leftMs > 0
          ? `next probe in ${duration(leftMs)}`
          : "next probe is due";
    return `${since} (${duration(Math.max(0, atMs - openedAtMs))}), ${next}`;
  }

  #rates({ atMs, ran, skipped }: Reading): string {
    const first = this.#readings[0];
    const overMs = first === undefined ? 0 : atMs - first.atMs;
    if (first === undefined || overMs === 0) return "counting";
    const perSecond = (now: number, then: number): number => ((now - then) * 1000) / overMs;
    const all = perSecond(ran + skipped, first.ran + first.skipped);
    return `${count(Math.round(all))} calls/s, ${count(Math.round(perSecond(skipped, first.skipped)))} skipped`;
  }
}

function readingOf(samples: Samples): Reading {
  return {
    atMs: Date.now(),
    state: samples.oneHot("circuit_breaker_state", "state"),
    failures: samples.sum("circuit_breaker_consecutive_failures"),
    threshold: samples.sum("circuit_breaker_failure_threshold"),
    ran: samples.sum("circuit_breaker_calls_total"),
    skipped: samples.sum("circuit_breaker_skips_total"),
    openedAtMs: samples.sum("circuit_breaker_opened_timestamp_seconds") * 1000,
  };
}

function unreadable(error: unknown): Entry {
  const text = `the metrics cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  return { atMs: Date.now(), tone: "bad", label: "UNKNOWN", text };
}
