import type { ErrorInfo } from "../events/field.ts";
import { amount, type CircuitRecord, text } from "./event-record.ts";
import type { IncidentSummary } from "./incident-report.ts";

interface Opening {
  readonly atMs: number;
  readonly reason: string | null;
  readonly rule: string | null;
  readonly detectMs: number | null;
  readonly note: string | null;
  readonly error: ErrorInfo | null;
}

interface Closing {
  readonly atMs: number;
  readonly reason: string | null;
  readonly mttrMs: number | null;
  readonly skips: number | null;
  readonly probes: number | null;
  readonly reopens: number | null;
}

/** What the record tells of one incident in one process, gathered event by event. */
export class IncidentRecord {
  readonly incidentId: string;
  gaps = 0;
  #opening: Opening | null = null;
  #closing: Closing | null = null;
  #earliestMs = Number.POSITIVE_INFINITY;
  #latestMs = Number.NEGATIVE_INFINITY;
  /** A later event says so. */
  #isOver = false;
  #seq = 0;
  #skips = 0;
  #probes = 0;
  #reopens = 0;
  #errors = 0;
  #slow = 0;

  constructor(incidentId: string) {
    this.incidentId = incidentId;
  }

  get isClosed(): boolean {
    return this.#closing !== null;
  }

  /** The process began anew, and its numbers with it. */
  renumber(): void {
    this.#seq = 0;
  }

  /** Takes an event that is not of this incident; one that is later than all of it says that it is over. */
  endBefore(record: CircuitRecord, isAnew: boolean): void {
    // An earlier one comes from a record that is read once more.
    if (record.atMs >= this.#latestMs && (isAnew || record.seq > this.#seq)) this.#isOver = true;
  }

  /** Skips that a line after the last skip line carries. */
  addSuppressed(skips: number): void {
    this.#skips += skips;
  }

  /**
   * Takes an event of this incident. Sums grow only with events that are new, so that an event recorded twice, as
   * itself and as a log line, counts once. Returns whether it was new.
   */
  take(record: CircuitRecord): boolean {
    const isNew = record.seq > this.#seq;
    this.#seq = Math.max(this.#seq, record.seq);
    const { atMs } = record;
    this.#earliestMs = Math.min(this.#earliestMs, atMs - (amount(record, "openMs") ?? 0));
    this.#latestMs = Math.max(this.#latestMs, atMs);
    switch (record.type) {
      case "circuit.open":
        this.#takeOpen(record, isNew);
        break;
      case "circuit.skip":
        this.#skips = Math.max(this.#skips, amount(record, "skipsInIncident") ?? this.#skips + 1);
        break;
      case "circuit.probe":
        if (isNew) this.#probes++;
        break;
      case "circuit.close":
        this.#closing = {
          atMs,
          reason: text(record, "reason"),
          mttrMs: amount(record, "mttrMs"),
          skips: amount(record, "skipsInIncident"),
          probes: amount(record, "probes"),
          reopens: amount(record, "reopens"),
        };
        break;
    }
    return isNew;
  }

  /** `endAtMs`: until when an incident without a close is known to have lasted, unless it is over. */
  summary(breaker: string, instance: string | null, endAtMs: number): IncidentSummary {
    const opening = this.#opening;
    const closing = this.#closing;
    const openedAtMs =
      opening?.atMs ?? (closing?.mttrMs == null ? this.#earliestMs : closing.atMs - closing.mttrMs);
    const mttrMs =
      closing === null ? null : (closing.mttrMs ?? Math.max(0, closing.atMs - openedAtMs));
    const lastedMs = Math.max(0, (this.#isOver ? this.#latestMs : endAtMs) - openedAtMs);
    return {
      incidentId: this.incidentId,
      breaker,
      instances: instance === null ? [] : [instance],
      openedAtMs,
      closedAtMs: closing?.atMs ?? null,
      mttrMs,
      detectMs: opening?.detectMs ?? null,
      reason: opening?.reason ?? null,
      rule: opening?.rule ?? null,
      closeReason: closing?.reason ?? null,
      skips: closing?.skips ?? this.#skips,
      failures: this.#errors + this.#slow,
      reopens: closing?.reopens ?? this.#reopens,
      probes: closing?.probes ?? this.#probes,
      gaps: this.gaps,
      causes: { error: this.#errors, latency: this.#slow },
      openMs: mttrMs ?? lastedMs,
      closeLost: this.#isOver && closing === null,
      note: opening?.note ?? null,
      error: opening?.error ?? null,
    };
  }

  #takeOpen(record: CircuitRecord, isNew: boolean): void {
    this.#reopens = Math.max(this.#reopens, amount(record, "reopens") ?? 0);
    const byReason = record["failuresByReason"];
    if (isNew && typeof byReason === "object" && byReason !== null) {
      // Any object may be read by key.
      const counts = { ...record, ...(byReason as Readonly<Record<string, unknown>>) };
      this.#errors += amount(counts, "error") ?? 0;
      this.#slow += amount(counts, "latency") ?? 0;
    }
    if (!beginsIncident(record)) return;
    this.#opening = {
      atMs: record.atMs,
      reason: text(record, "reason"),
      rule: text(record, "rule"),
      detectMs: amount(record, "detectMs"),
      note: text(record, "note"),
      // The reader of records keeps only errors of this form under `error`.
      error: (record["error"] as ErrorInfo | undefined) ?? null,
    };
  }
}

/** Whether the event is the first open of an incident; an open from another state goes on with one. */
export function beginsIncident(record: CircuitRecord): boolean {
  const from = text(record, "from");
  return record.type === "circuit.open" && (from === "closed" || from === "disabled");
}
