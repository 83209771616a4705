import type { BreakerView } from "../core/breaker-view.ts";
import { shown } from "../events/check.ts";
import type { EventOf } from "../events/event.ts";

/** What is known of the incident under way. */
interface Known {
  /** Undefined when it began before anybody watched. */
  readonly id: string | undefined;
  /** Whether it began with a trip or with a peer's open, not with an operator or a permanent failure. */
  readonly began: "by itself" | "forced";
}

/**
 * Picks the incidents whose length is a time to recovery: begun by a trip or a peer and ended by a probe or a peer.
 * An incident that a `reset` ended, or that a `forceOpen` began, says how long an operator took.
 */
export class RecoveryWatch {
  readonly #view: BreakerView;
  readonly #observe: (seconds: number) => void;
  /** Null when there is none, or when nothing is known of it. */
  #incident: Known | null;

  constructor(view: BreakerView, observe: (seconds: number) => void) {
    this.#view = view;
    this.#observe = observe;
    this.#incident = underWay(view);
  }

  opened({ from, reason, incidentId }: EventOf<"circuit.open">): void {
    // From any other state the incident goes on, and keeps the reason it began with.
    if (from !== "closed" && from !== "disabled") return;
    this.#incident = { id: incidentId, began: reason === "forced" ? "forced" : "by itself" };
  }

  /** What the breaker goes on from may be an incident that began in another process. */
  restored({ applied }: EventOf<"circuit.restore">): void {
    if (applied === "state") this.#incident = underWay(this.#view);
  }

  closed({ reason, mttrMs, incidentId }: EventOf<"circuit.close">): void {
    const incident = this.#incident;
    this.#incident = null;
    if (incident === null || incident.began === "forced") return;
    // A lossy bus may have kept the open of this incident back: then its reason is not known.
    if (incident.id !== undefined && incident.id !== incidentId) return;
    if (reason !== "probe" && reason !== "peer") return;
    // A stranger's bus may say anything; a histogram that took it could never be right again.
    if (!(Number.isFinite(mttrMs) && mttrMs >= 0)) {
      throw new RangeError(
        `Cannot observe a recovery: mttrMs must be a non-negative number, received ${shown(mttrMs)}`,
      );
    }
    this.#observe(mttrMs / 1000);
  }
}

/**
 * What can be known of an incident that began before anybody watched: a breaker that was never forced open while it
 * was closed or disabled can only have tripped. One that was may be in either kind of incident; such an incident is
 * left out, since a wrong length would stay in the histogram for ever.
 */
function underWay({ openedAtMs, stats: { transitions } }: BreakerView): Known | null {
  if (openedAtMs === null) return null;
  const forced = transitions["closed->forced_open"] + transitions["disabled->forced_open"];
  return forced === 0 ? { id: undefined, began: "by itself" } : null;
}
