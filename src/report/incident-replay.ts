import { amount, type CircuitRecord, text } from "./event-record.ts";
import { beginsIncident } from "./incident-record.ts";
import type { ReplayedIncident } from "./replayed-breaker.ts";

/** The incident that a breaker is in, followed event by event. */
export class IncidentReplay {
  #incident: ReplayedIncident | null = null;

  /** The incident as of the last event; null when there is none. */
  get present(): ReplayedIncident | null {
    return this.#incident;
  }

  take(record: CircuitRecord): void {
    const { incidentId } = record;
    // Every event within an incident names it, the close that ends it included.
    if (incidentId === undefined || record.type === "circuit.close") {
      this.#incident = null;
      return;
    }
    const known = this.#incident?.incidentId === incidentId ? this.#incident : begun(incidentId);
    this.#incident = Object.freeze({ ...known, ...told(known, record) });
  }

  /** A new process knows of none. */
  forget(): void {
    this.#incident = null;
  }
}

function begun(incidentId: string): ReplayedIncident {
  return {
    incidentId,
    openedAtMs: null,
    lastOpenedAtMs: null,
    reason: null,
    rule: null,
    skips: 0,
    skipsSinceOpened: 0,
    probes: 0,
    reopens: 0,
  };
}

/** What an event changes of the incident that it is in. */
function told(known: ReplayedIncident, record: CircuitRecord): Partial<ReplayedIncident> {
  const { type, atMs, suppressed = 0 } = record;
  const skips = known.skips + suppressed;
  switch (type) {
    case "circuit.open": {
      const reopens = amount(record, "reopens") ?? known.reopens;
      const again = { lastOpenedAtMs: atMs, skipsSinceOpened: 0, reopens };
      if (!beginsIncident(record)) return { ...again, skips };
      // What was refused before it is none of the incident's.
      return {
        ...again,
        openedAtMs: atMs,
        reason: text(record, "reason"),
        rule: text(record, "rule"),
      };
    }
    case "circuit.skip":
      return {
        skips: amount(record, "skipsInIncident") ?? skips + 1,
        skipsSinceOpened:
          amount(record, "skipsSinceOpened") ?? known.skipsSinceOpened + suppressed + 1,
      };
    default:
      return {
        skips,
        skipsSinceOpened: known.skipsSinceOpened + suppressed,
        probes: known.probes + (type === "circuit.probe" ? 1 : 0),
      };
  }
}
