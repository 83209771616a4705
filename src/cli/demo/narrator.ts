import type { CircuitEvent, EventOf } from "../../index.ts";
import { EVENTS } from "../../index.ts";
import type { Terminal, Tone } from "./terminal.ts";
import { count, counted, duration, utc } from "./wording.ts";

/** A climb towards a trip is told when nothing came of it for this long. */
const CLIMB_OVER_MS = 300;
/** A breaker that waited this long for a call to try has no traffic, which an operator should know. */
const NO_TRAFFIC_MS = 1_000;

/**
 * Tells an operator what the service's log says: a line per transition, in words, with the numbers that the decision
 * rests on. Knows nothing but the lines.
 */
export class Narrator {
  /** The committed state after the last line. */
  state = "closed";
  /** Failed probes so far. */
  failedProbes = 0;
  /** When the next probe may run, in epoch milliseconds; null when none is planned. */
  retryAtMs: number | null = null;
  readonly #terminal: Terminal;
  #skipped = 0;
  /** When the incident began, in epoch milliseconds. */
  #openedAtMs: number | null = null;
  #lastFailure: EventOf<"circuit.failure"> | null = null;
  #lastProbe: EventOf<"circuit.probe"> | null = null;
  #climb: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Takes one line of the log; `suppressed` is the number of skips that it stands for besides itself. */
  take(event: CircuitEvent, suppressed: number): void {
    this.state = event.state;
    this.#skipped += suppressed;
    switch (event.type) {
      case "circuit.failure":
        this.#lastFailure = event;
        break;
      case "circuit.probe":
        this.#lastProbe = event;
        break;
      case "circuit.skip":
        this.#skipped++;
        break;
      case "circuit.progress":
        this.#warn(event);
        break;
      case "circuit.open":
        this.#open(event);
        break;
      case "circuit.force_changed":
        this.retryAtMs = event.retryAtMs;
        this.#tell(event, "bad", "FORCED", event.note ?? EVENTS[event.type].sentence);
        break;
      case "circuit.half_open":
        this.#tell(event, "warning", "HALF-OPEN", this.#halfOpen(event));
        break;
      case "circuit.close":
        this.#close(event);
        break;
      case "circuit.success":
      case "circuit.ignored":
      case "circuit.late":
        break;
      case "circuit.disable":
      case "circuit.enable":
      case "circuit.would_open":
      case "circuit.degrade":
        this.#tell(event, "warning", event.state.toUpperCase(), EVENTS[event.type].sentence);
        break;
      case "circuit.callback_failed":
        this.#tell(event, "bad", "FAULT", `${event.callback} failed: ${event.error.message}`);
    }
  }

  /** Nothing more will come: tells nothing of a climb that is still under way. */
  end(): void {
    clearTimeout(this.#climb);
  }

  /** A climb that trips is told by the open itself, so this waits to see what comes of it. */
  #warn(event: EventOf<"circuit.progress">): void {
    const { consecutiveFailures: failures, failureThreshold: limit, failuresToTrip: left } = event;
    clearTimeout(this.#climb);
    this.#climb = setTimeout(() => {
      const text =
        limit === null || left === undefined
          ? `${Math.round(event.ratio * 100)} % of the way to a trip by ${event.rule}`
          : `${failures} of ${limit} failures in a row, ${left} short of a trip`;
      this.#tell(event, "warning", "WARNING", text);
    }, CLIMB_OVER_MS);
  }

  #open(event: EventOf<"circuit.open">): void {
    clearTimeout(this.#climb);
    const { retryAtMs, cooldownMs } = event;
    this.retryAtMs = retryAtMs;
    const next =
      cooldownMs === null ? "until an operator resets it" : `next probe in ${duration(cooldownMs)}`;
    if (event.rule === "probe") {
      this.failedProbes++;
      this.#tell(
        event,
        "bad",
        "OPEN AGAIN",
        `probe failed (${this.#probeFailure(event)}); ${next}`,
      );
      return;
    }
    this.#skipped = 0;
    this.#openedAtMs = event.atMs;
    this.#tell(event, "bad", "OPEN", `${this.#cause(event)}; ${next}`);
  }

  #cause(event: EventOf<"circuit.open">): string {
    const { reason, failuresByReason, threshold, detectMs, error, note } = event;
    if (reason !== "latency" && reason !== "error") return note ?? reason;
    const share = Object.entries(failuresByReason)
      .filter(([, failures]) => failures > 0)
      .map(([word, failures]) => `${word} ${failures}`)
      .join(" and ");
    const last = this.#lastFailure?.latencyMs ?? null;
    const took = reason === "latency" && last !== null ? `, the last took ${duration(last)}` : "";
    const thrown = error === undefined ? "" : `, the last: ${error.message}`;
    const detected = detectMs === null ? "" : `, detected in ${duration(detectMs)}`;
    return `${reason === "latency" ? "slow" : "failing"} (${share} of ${threshold ?? "?"} in a row${took}${thrown})${detected}`;
  }

  #probeFailure({ reason, error }: EventOf<"circuit.open">): string {
    const latencyMs = this.#lastProbe?.latencyMs ?? null;
    const what = reason === "latency" ? "slow" : (error?.message ?? "an error answer");
    return latencyMs === null ? what : `${what}, ${duration(latencyMs)}`;
  }

  #halfOpen({ openMs, idleMs }: EventOf<"circuit.half_open">): string {
    const idle = idleMs >= NO_TRAFFIC_MS ? `, no call came for ${duration(idleMs)}` : "";
    const since = this.#openedAtMs === null ? "" : ` since ${utc(this.#openedAtMs)}`;
    const skipped = `${counted(this.#skipped, "call")} skipped${since}`;
    return `one call goes through as a probe after ${duration(openMs)}${idle}; ${skipped}`;
  }

  #close(event: EventOf<"circuit.close">): void {
    this.retryAtMs = null;
    const { reason, mttrMs, skipsInIncident, probes, reopens, note } = event;
    const took = this.#lastProbe?.latencyMs ?? null;
    const how =
      reason === "probe"
        ? `probe succeeded${took === null ? "" : ` in ${duration(took)}`}`
        : (note ?? reason);
    const tries = `${counted(probes, "probe")}, ${count(reopens)} of them failed`;
    const text = `${how}; MTTR ${duration(mttrMs)}, ${counted(skipsInIncident, "call")} skipped, ${tries}`;
    this.#tell(event, "good", "CLOSED", text);
  }

  #tell({ atMs, breaker }: CircuitEvent, tone: Tone, label: string, text: string): void {
    this.#terminal.entry({ atMs, tone, label, text: `${breaker}: ${text}` });
  }
}
