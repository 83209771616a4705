import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import { circuitOf } from "../core/circuit-breaker.ts";
import type { Clock } from "../core/clock.ts";
import type { Probe } from "../core/period.ts";
import { resumeRemoteProbe } from "../core/remote-calls.ts";
import { own, SnapshotReader } from "../core/snapshot-reader.ts";
import type { RowTable } from "./row-table.ts";

const ROW = "permit:";
const LONGEST_ROW = 4_096;
/** Permits of probes that nobody has settled yet. */
const MOST_PERMITS = 1_000;

/** What is kept of a permit. */
interface PermitRow {
  readonly breaker: string;
  readonly incidentId: string;
  /** When it was given, and when its lease ends, on the wall clock. */
  readonly atMs: number;
  readonly untilMs: number;
}

/**
 * The permits of probes that run elsewhere. Each has a row: Cloudflare puts an object that nobody asks for ten seconds
 * out of memory, and a probe may take longer. Its result would be late, and so would be that of the next.
 */
export class ProbePermits {
  readonly #table: RowTable;
  readonly #clock: Pick<Clock, "epochMs">;
  readonly #held = new Map<string, Probe>();

  constructor(table: RowTable, clock: Pick<Clock, "epochMs">) {
    this.#table = table;
    this.#clock = clock;
    const nowMs = clock.epochMs();
    for (const [key, text] of [...table.beginningWith(ROW)]) {
      const row = readRow(text);
      if (row === null || nowMs >= row.untilMs) table.delete(key);
    }
  }

  /** The id of the permit: it is for one settlement, and cannot be guessed, which keeps a stale caller from using it. */
  give(breaker: CircuitBreaker, probe: Probe): string {
    const id = crypto.randomUUID();
    this.#held.set(id, probe);
    const { incident, settings } = circuitOf(breaker);
    const atMs = this.#clock.epochMs();
    const untilMs = atMs + settings.leaseMs;
    const row = { breaker: breaker.name, incidentId: incident?.id ?? "", atMs, untilMs };
    this.#table.put(`${ROW}${id}`, JSON.stringify(row satisfies PermitRow));
    if (this.#held.size > MOST_PERMITS) {
      for (const oldest of this.#held.keys()) {
        this.#forget(oldest);
        break;
      }
    }
    return id;
  }

  /** The probe of a permit, also of one that was given before the object was gone; null when its result is late. */
  take(breaker: CircuitBreaker, id: string): Probe | null {
    const held = this.#held.get(id);
    const text = this.#table.get(`${ROW}${id}`);
    if (text === undefined) return held ?? null;
    this.#forget(id);
    if (held !== undefined) return held;
    const row = readRow(text);
    const nowMs = this.#clock.epochMs();
    if (row === null || row.breaker !== breaker.name || nowMs >= row.untilMs) return null;
    const { incidentId, atMs } = row;
    return resumeRemoteProbe(breaker, { incidentId, agoMs: Math.max(0, nowMs - atMs) });
  }

  #forget(id: string): void {
    this.#held.delete(id);
    this.#table.delete(`${ROW}${id}`);
  }
}

/** Null when it is damaged. */
function readRow(text: string): PermitRow | null {
  const reader = new SnapshotReader("read permit");
  try {
    const row = reader.record("", reader.parsed(text, LONGEST_ROW));
    return {
      breaker: reader.text("breaker", own(row, "breaker"), LONGEST_ROW),
      incidentId: reader.text("incidentId", own(row, "incidentId"), LONGEST_ROW),
      atMs: reader.number("atMs", own(row, "atMs")),
      untilMs: reader.number("untilMs", own(row, "untilMs")),
    };
  } catch {
    return null;
  }
}
