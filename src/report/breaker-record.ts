import { amount, type CircuitRecord } from "./event-record.ts";
import { beginsIncident, IncidentRecord } from "./incident-record.ts";
import type { Gap } from "./incident-report.ts";
import { isAnew, stepBetween } from "./record-order.ts";

/** What the record tells of one breaker in one process. Its events have to come in the order they were emitted. */
export class BreakerRecord {
  readonly breaker: string;
  readonly instance: string | null;
  readonly incidents = new Map<string, IncidentRecord>();
  /** Calls refused outside of incidents. */
  skipsOutside = 0;
  gaps = 0;
  readonly #found: (gap: Gap) => void;
  #last: CircuitRecord | null = null;
  /** The incident that the events are in, or were in last. */
  #current: IncidentRecord | null = null;

  constructor(breaker: string, instance: string | null, found: (gap: Gap) => void) {
    this.breaker = breaker;
    this.instance = instance;
    this.#found = found;
  }

  take(record: CircuitRecord): void {
    const last = this.#last;
    this.#last = record;
    const before = this.#current?.isClosed === false ? this.#current : null;
    const incident = this.#incidentOf(record);
    const step = stepBetween(last, record);
    const anew = isAnew(step);
    if (anew) incident?.renumber();
    if (last !== null && (step === "gap" || step === "restart with a gap")) {
      this.#missing(last, record, step === "gap");
      for (const torn of new Set([before, incident])) if (torn !== null) torn.gaps++;
    }
    // Every event within an incident names it: one that does not comes after its end. A close that the record has
    // further on corrects this.
    if (before !== null && before !== incident) {
      before.endBefore(record, anew);
    }
    if (incident !== null) this.#current = incident;
    this.#count(record, before, incident);
  }

  #incidentOf({ incidentId }: CircuitRecord): IncidentRecord | null {
    if (incidentId === undefined) return null;
    let incident = this.incidents.get(incidentId);
    if (incident === undefined) {
      incident = new IncidentRecord(incidentId);
      this.incidents.set(incidentId, incident);
    }
    return incident;
  }

  #missing(last: CircuitRecord, next: CircuitRecord, sameProcess: boolean): void {
    this.gaps++;
    this.#found({
      breaker: this.breaker,
      instance: this.instance,
      afterSeq: sameProcess ? last.seq : null,
      beforeSeq: next.seq,
      fromAtMs: last.atMs,
      toAtMs: next.atMs,
    });
  }

  #count(
    record: CircuitRecord,
    before: IncidentRecord | null,
    incident: IncidentRecord | null,
  ): void {
    const isNew = incident?.take(record) ?? true;
    if (!isNew) return;
    const suppressed = amount(record, "suppressed") ?? 0;
    if (record.type === "circuit.skip") {
      // Within an incident the event's own count says it all, those that were not written included.
      if (incident === null) this.skipsOutside += 1 + suppressed;
    } else if (suppressed > 0) {
      // The first line of an incident carries what was refused before it.
      const refusing = before ?? (beginsIncident(record) ? null : incident);
      if (refusing === null) this.skipsOutside += suppressed;
      else refusing.addSuppressed(suppressed);
    }
  }
}
