import type { CircuitEvent, EventOf } from "../../index.ts";
import { EVENTS } from "../../index.ts";
import type { Entry, Terminal } from "./terminal.ts";
import { count, counted, duration, utc } from "./wording.ts";

/** A climb towards a trip is told when nothing came of it for this long. */
const CLIMB_OVER_MS = 500;

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
  #incidents = 0;
  #refused = 0;
  #lastFailure: EventOf<"circuit.failure"> | null = null;
  #lastProbe: EventOf<"circuit.probe"> | null = null;
  #climb: NodeJS.Timeout | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Takes one line of the log; `suppressed` is the number of refused calls that it stands for besides itself. */
  take(event: CircuitEvent, suppressed: number): void {
    this.state = event.state;
    this.#refused += suppressed;
    switch (event.type) {
      case "circuit.failure":
        this.#lastFailure = event;
        break;
      case "circuit.probe":
        this.#lastProbe = event;
        break;
      case "circuit.skip":
        this.#refused++;
        break;
      case "circuit.progress":
        this.#warn(event);
        break;
      case "circuit.open":
        this.#open(event);
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
    const { consecutiveFailures: failures, failureThreshold: limit } = event;
    clearTimeout(this.#climb);
    this.#climb = setTimeout(() => {
      const text = `${failures} of ${limit} failures in a row: ${counted(limit - failures, "more failure")} would have opened it`;
      this.#tell(event, "warning", "WARNING", text);
    }, CLIMB_OVER_MS);
  }

  #open(event: EventOf<"circuit.open">): void {
    clearTimeout(this.#climb);
    const { retryAtMs, cooldownMs } = event;
    this.retryAtMs = retryAtMs;
    const next =
      retryAtMs === null || cooldownMs === null
        ? "until an operator resets it"
        : `next try in ${duration(cooldownMs)}`;
    if (event.rule === "probe") {
      this.failedProbes++;
      const text = `the probe failed: ${this.#probeFailure(event)}; ${next}. ${this.#sinceStart()}`;
      this.#tell(event, "bad", "OPEN AGAIN", text);
      return;
    }
    this.#incidents++;
    this.#refused = 0;
    this.#tell(event, "bad", "OPEN", `${this.#cause(event)}; refusing calls, ${next}`);
  }

  #cause(event: EventOf<"circuit.open">): string {
    const { reason, failuresByReason, threshold, detectMs, error, note, firstFailureAtMs } = event;
    if (reason !== "latency" && reason !== "error") return note ?? `held open: ${reason}`;
    const what = reason === "latency" ? "the upstream is too slow" : "the upstream fails";
    const share = `${reason} ${failuresByReason[reason]} of ${threshold ?? "?"} in a row`;
    const last = this.#lastFailure?.latencyMs ?? null;
    const example =
      reason === "latency" && last !== null ? `, the last took ${duration(last)}` : "";
    const thrown = error === undefined ? "" : `, the last: ${error.message}`;
    const since =
      detectMs === null || firstFailureAtMs === null
        ? ""
        : `, detected ${duration(detectMs)} after the first at ${utc(firstFailureAtMs)}`;
    return `${what} (${share}${example}${thrown})${since}`;
  }

  #probeFailure({ reason, error }: EventOf<"circuit.open">): string {
    const latencyMs = this.#lastProbe?.latencyMs ?? null;
    const took = latencyMs === null ? "" : ` after ${duration(latencyMs)}`;
    if (reason === "latency") return `still too slow${latencyMs === null ? "" : `, ${duration(latencyMs)}`}`;
    return error === undefined ? `a bad answer${took}` : `${error.message}${took}`;
  }

  #halfOpen({ openMs, idleMs }: EventOf<"circuit.half_open">): string {
    const idle = idleMs >= 1_000 ? `, no call for ${duration(idleMs)}` : "";
    return `after ${duration(openMs)}${idle} one call goes through as a probe. ${this.#sinceStart()}`;
  }

  #close(event: EventOf<"circuit.close">): void {
    this.retryAtMs = null;
    const { reason, mttrMs, skipsInIncident, probes, reopens, note } = event;
    const took = this.#lastProbe?.latencyMs ?? null;
    const how =
      reason === "probe"
        ? `the probe succeeded${took === null ? "" : ` in ${duration(took)}`}`
        : (note ?? reason);
    const tries = `${counted(probes, "probe")}, ${count(reopens)} failed`;
    const text = `${how}. Incident ${this.#incidents} is over: MTTR ${duration(mttrMs)}, ${counted(skipsInIncident, "call")} refused, ${tries}`;
    this.#tell(event, "good", "CLOSED", text);
  }

  #sinceStart(): string {
    return `Refused so far: ${counted(this.#refused, "call")}`;
  }

  #tell({ atMs }: CircuitEvent, tone: Entry["tone"], label: string, text: string): void {
    this.#terminal.entry({ atMs, tone, label, text });
  }
}
