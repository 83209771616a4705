import { BreakerRecord } from "./breaker-record.ts";
import { type RecordNaming, type RecordOptions, recordNaming } from "./event-record.ts";
import type { BreakerSummary, Gap, IncidentReport, IncidentSummary } from "./incident-report.ts";
import { windowOf } from "./outages.ts";
import { RecordIntake } from "./record-intake.ts";
import { recoveryTimes, unionMs } from "./recovery-times.ts";

/** Gathers recorded events into incidents, one at a time. */
export interface IncidentFold {
  /**
   * Takes an event as it was emitted, a log line parsed, or the text of a line. What is no event is counted and
   * otherwise ignored, and so is a field that does not fit. Never throws. The events of one breaker in one process have to come in the order they were emitted; those
   * of different ones may mix.
   */
  add(entry: unknown): void;
  /** What the events so far tell; more may be added afterwards. */
  result(): IncidentReport;
}

/** Gaps that a report describes; all are counted. */
const GAPS_SHOWN = 100;
const TRIP_OR_PEER: ReadonlySet<string | null> = new Set(["error", "latency", "peer"]);
const PROBE_OR_PEER: ReadonlySet<string | null> = new Set(["probe", "peer"]);

class EventFold implements IncidentFold {
  readonly #intake: RecordIntake<BreakerRecord>;
  readonly #gaps: Gap[] = [];

  constructor(naming: RecordNaming) {
    const found = (gap: Gap): void => {
      if (this.#gaps.length < GAPS_SHOWN) this.#gaps.push(gap);
    };
    this.#intake = new RecordIntake(
      naming,
      (breaker, instance) => new BreakerRecord(breaker, instance, found),
    );
  }

  add(entry: unknown): void {
    this.#intake.add(entry);
  }

  result(): IncidentReport {
    const incidents: IncidentSummary[] = [];
    const breakers: [string, BreakerSummary][] = [];
    const { input, flawed, fromAtMs, toAtMs } = this.#intake;
    for (const [name, records] of this.#intake.byBreaker()) {
      const own = records.flatMap((record) =>
        [...record.incidents.values()].map((incident) =>
          incident.summary(name, record.instance, toAtMs ?? 0),
        ),
      );
      incidents.push(...own);
      const skipsOutside = records.reduce((sum, { skipsOutside: skips }) => sum + skips, 0);
      const gaps = records.reduce((sum, record) => sum + record.gaps, 0);
      breakers.push([name, breakerSummary(own, { skipsOutside, gaps })]);
    }
    return {
      incidents: incidents.sort((a, b) => a.openedAtMs - b.openedAtMs),
      breakers: Object.fromEntries(breakers),
      input,
      flawed,
      fromAtMs,
      toAtMs,
      gaps: [...this.#gaps],
    };
  }
}

/** The incidents that are over, those of one id together. */
function ofTheFleet(incidents: readonly IncidentSummary[]): Iterable<IncidentSummary[]> {
  const byId = new Map<string, IncidentSummary[]>();
  for (const incident of incidents) {
    if (incident.mttrMs === null) continue;
    const told = byId.get(incident.incidentId);
    if (told === undefined) byId.set(incident.incidentId, [incident]);
    else told.push(incident);
  }
  return byId.values();
}

/** The incidents of one breaker together, with what its records have outside of them. */
export function breakerSummary(
  incidents: readonly IncidentSummary[],
  outside: { readonly skipsOutside: number; readonly gaps: number },
): BreakerSummary {
  const recovered: number[] = [];
  const excluded: number[] = [];
  for (const told of ofTheFleet(incidents)) {
    // Told by several tasks of a cluster it is one recovery, as long as the longest of them says.
    const mttrMs = Math.max(...told.map((incident) => incident.mttrMs ?? 0));
    const recovers = told.every(
      ({ reason, closeReason }) => TRIP_OR_PEER.has(reason) && PROBE_OR_PEER.has(closeReason),
    );
    (recovers ? recovered : excluded).push(mttrMs);
  }
  const apart = recoveryTimes(excluded);
  return {
    incidents: incidents.length,
    stillOpen: incidents.filter(({ closedAtMs }) => closedAtMs === null).length,
    openMs: unionMs(incidents.map(windowOf)),
    ...recoveryTimes(recovered),
    skips: incidents.reduce((sum, { skips }) => sum + skips, 0) + outside.skipsOutside,
    recovered: recovered.length,
    excluded: {
      incidents: excluded.length,
      meanMs: apart.mttrMeanMs,
      maxMs: apart.mttrMaxMs,
    },
    closesLost: incidents.filter(({ closeLost }) => closeLost).length,
    gaps: outside.gaps,
  };
}

/**
 * Makes a fold to which events are added as they are read, so that a record of any size fits: it holds the incidents,
 * not the events.
 *
 * @throws {TypeError} when an option is unknown or no string
 * @example
 * const fold = createIncidentFold();
 * for await (const line of lines) fold.add(line);
 * console.log(renderIncidents(fold.result()));
 */
export function createIncidentFold(options: RecordOptions = {}): IncidentFold {
  return new EventFold(recordNaming(options, "fold incidents"));
}

/**
 * Folds recorded events into incidents: events as they were emitted, parsed log lines, or lines of text.
 *
 * @throws {TypeError} when an option is unknown or no string
 * @example
 * const events: CircuitEvent[] = [];
 * breaker.on("circuit.*", (event) => events.push(event));
 * foldIncidents(events).breakers["payments"]?.mttrMeanMs;
 */
export function foldIncidents(
  events: Iterable<unknown>,
  options: RecordOptions = {},
): IncidentReport {
  const fold = createIncidentFold(options);
  for (const event of events) fold.add(event);
  return fold.result();
}
