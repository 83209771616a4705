import { admit, refuse, startOf } from "../../core/admission.ts";
import type { Circuit } from "../../core/circuit.ts";
import { circuitOf } from "../../core/circuit-breaker.ts";
import { AdmittedPermit } from "../../core/permit.ts";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type EventOf,
  type Permit,
} from "../../index.ts";
import { FATE } from "./call-log.ts";
import { type CallTable, isBad } from "./call-table.ts";
import {
  type Figures,
  MOST_OPENED,
  NO_FIGURES,
  type ReplayedIncident,
  withLength,
} from "./figures.ts";

/** What the replayed calls that failed have thrown. */
const FAILED = new Error("the recorded call failed");
/** Of a call that a time limit ended: by its name the core counts it as latency. */
const TIMED_OUT = Object.assign(new Error("the recorded call ran into its time limit"), {
  name: "TimeoutError",
});

/**
 * Puts recorded calls to a breaker with these options, each at the moment it started and again at the moment it ended,
 * and sees what that breaker does. The breaker is the core itself, under a clock that stands where the recording is.
 */
export function replay(table: CallTable, options: CircuitBreakerOptions, slowMs: number): Figures {
  const { startMs, durationMs, byEnd } = table;
  const run = new Replay(table, options, slowMs);
  const calls = startMs.length;
  let started = 0;
  for (let ended = 0; ended < calls; ) {
    const place = byEnd[ended] ?? 0;
    const endMs = (startMs[place] ?? 0) + (durationMs[place] ?? 0);
    // What ends at the moment at which the next one starts is known by then.
    if (place < started && (started === calls || endMs <= (startMs[started] ?? 0))) {
      run.end(place, endMs);
      ended++;
    } else {
      run.start(started);
      started++;
    }
  }
  return run.figures();
}

class Replay {
  readonly #table: CallTable;
  readonly #slowMs: number;
  /** Slower calls than this are failures to the breaker. */
  readonly #limitMs: number;
  readonly #breaker: CircuitBreaker;
  readonly #circuit: Circuit;
  /** By the place of the call, as far as it is under way. */
  readonly #permits: (Permit | null)[];
  /** The changes of state that the call has seen when it was let through. */
  readonly #seen: Uint32Array;
  readonly #mask: number;
  #nowMs = 0;
  #changes = 0;
  #isClosed = true;
  /** When calls failed in the present closed period. */
  #failedMs: number[] = [];
  #badPassed = 0;
  #badMs = 0;
  #badUnderWay = 0;
  #failedBeforeTrip = 0;
  #passed = 0;
  #goodRefused = 0;
  #badRefused = 0;
  #incidents = 0;
  #reopens = 0;
  #openedMs = 0;
  #openMs = 0;
  #detect = NO_FIGURES.detect;
  #recovery = NO_FIGURES.recovery;
  readonly #opened: ReplayedIncident[] = [];

  constructor(table: CallTable, options: CircuitBreakerOptions, slowMs: number) {
    this.#table = table;
    this.#slowMs = slowMs;
    this.#limitMs = options.latencyTripMs ?? Number.POSITIVE_INFINITY;
    this.#permits = Array.from({ length: table.room }, () => null);
    this.#seen = new Uint32Array(table.room);
    this.#mask = table.room - 1;
    const { originMs } = table;
    const breaker = new CircuitBreaker("replay", {
      random: repeatable(),
      ...options,
      clock: { monotonicMs: () => this.#nowMs, epochMs: () => originMs + this.#nowMs },
    });
    this.#breaker = breaker;
    this.#circuit = circuitOf(breaker);
    breaker.on("circuit.open", (event) => this.#open(event));
    breaker.on("circuit.half_open", () => {
      this.#changes++;
    });
    breaker.on("circuit.close", (event) => this.#close(event));
  }

  start(place: number): void {
    const { startMs, durationMs, fate } = this.#table;
    this.#nowMs = startMs[place] ?? 0;
    const permit = permitOf(this.#circuit);
    const at = place & this.#mask;
    if (permit !== null) {
      this.#passed++;
      this.#permits[at] = permit;
      this.#seen[at] = this.#changes;
      return;
    }
    this.#permits[at] = null;
    const ended = fate[place] ?? 0;
    if (isBad(ended, durationMs[place] ?? 0, this.#slowMs)) this.#badRefused++;
    else if (ended === FATE.ok) this.#goodRefused++;
  }

  end(place: number, endMs: number): void {
    const at = place & this.#mask;
    const permit = this.#permits[at] ?? null;
    if (permit === null) return;
    this.#permits[at] = null;
    this.#nowMs = endMs;
    const { durationMs, fate } = this.#table;
    const duration = durationMs[place] ?? 0;
    const ended = fate[place] ?? 0;
    const isUnseen = ended === FATE.ok && duration <= this.#limitMs && duration <= this.#slowMs;
    if (!isUnseen && ended !== FATE.ignored) this.#count(ended, duration, this.#seen[at] ?? 0);
    if (ended === FATE.ok) permit.success(duration);
    else if (ended === FATE.error) permit.failure(FAILED, duration);
    else if (ended === FATE.timeout) permit.failure(TIMED_OUT, duration);
    else permit.ignore();
  }

  figures(): Figures {
    const { openedAtMs, stats } = this.#breaker;
    const calls = this.#table.startMs.length;
    const stillOpen = openedAtMs === null ? 0 : 1;
    return {
      calls,
      passed: this.#passed,
      refused: calls - this.#passed,
      badPassed: this.#badPassed,
      badMs: this.#badMs,
      failedBeforeTrip: this.#failedBeforeTrip,
      badUnderWay: this.#badUnderWay,
      goodRefused: this.#goodRefused,
      badRefused: this.#badRefused,
      incidents: this.#incidents,
      stillOpen,
      reopens: this.#reopens,
      probes: Object.values(stats.probes).reduce((sum, count) => sum + count, 0),
      detect: this.#detect,
      recovery: this.#recovery,
      openMs: this.#openMs + (stillOpen === 1 ? this.#nowMs - this.#openedMs : 0),
      opened: this.#opened,
    };
  }

  /** Counts a call that failed or was too slow, before the breaker hears of it. */
  #count(ended: number, durationMs: number, seen: number): void {
    const isLate = seen !== this.#changes;
    if (isBad(ended, durationMs, this.#slowMs)) {
      this.#badPassed++;
      this.#badMs += durationMs;
      if (isLate) this.#badUnderWay++;
    }
    if (!isLate && this.#isClosed) this.#failedMs.push(this.#nowMs);
  }

  #open({ from, reason, rule, detectMs }: EventOf<"circuit.open">): void {
    this.#changes++;
    this.#isClosed = false;
    if (from !== "closed") {
      this.#reopens++;
      return;
    }
    this.#incidents++;
    this.#openedMs = this.#nowMs;
    if (detectMs !== null) {
      const sinceMs = this.#nowMs - detectMs;
      this.#failedBeforeTrip += this.#failedMs.filter(
        (atMs) => atMs >= sinceMs - ROUNDING_MS,
      ).length;
      this.#detect = withLength(this.#detect, detectMs);
    }
    this.#failedMs = [];
    if (this.#opened.length === MOST_OPENED) return;
    const openedAtMs = this.#table.originMs + this.#nowMs;
    const incident = { openedAtMs, closedAtMs: null, reason, rule, detectMs, reopens: 0 };
    this.#opened.push(incident);
  }

  #close({ mttrMs, reopens }: EventOf<"circuit.close">): void {
    this.#changes++;
    this.#isClosed = true;
    this.#openMs += mttrMs;
    this.#recovery = withLength(this.#recovery, mttrMs);
    const last = this.#opened.at(-1);
    if (this.#incidents > this.#opened.length || last === undefined) return;
    const closedAtMs = this.#table.originMs + this.#nowMs;
    this.#opened[this.#opened.length - 1] = { ...last, closedAtMs, reopens };
  }
}

/** What `admit()` of a breaker does, less the error of a refusal that nobody would catch: most of what it costs. */
function permitOf(circuit: Circuit): Permit | null {
  const nowMs = circuit.begin();
  const slot = admit(circuit, nowMs);
  if (slot === null) {
    refuse(circuit, nowMs, undefined);
    return null;
  }
  const startMs = startOf(circuit, slot, nowMs);
  return new AdmittedPermit(circuit, { slot, startMs }, undefined);
}

/** A moment less a length of time may miss the moment that the length was taken from by a rounding. */
const ROUNDING_MS = 0.001;

/** The same numbers in each replay, so that settings meet the same chance. @see https://en.wikipedia.org/wiki/Xorshift */
function repeatable(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
