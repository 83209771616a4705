import type { BreakerStats, CircuitEvent, CircuitState } from "../../src/index.ts";
import { LEGAL_PAIRS } from "./readings.ts";

/**
 * Folds the stream of one breaker's events, heard from the first to the last, and says what in it cannot be. It knows
 * nothing of the reference: only what contract.md promises of every stream.
 */
export class Witness {
  readonly problems: string[] = [];
  readonly #told = new Map<string, number>();
  #seq = 0;
  #state: CircuitState = "closed";
  #generation = 0;
  #incident: string | undefined;
  #skipsInIncident = 0;
  #skipsSinceOpened = 0;
  #reopens = 0;
  /** The share that degradation was last told to leave. */
  #share = 1;

  hear(event: CircuitEvent): void {
    const { type, seq, state, generation, incidentId } = event;
    this.#count(type);
    this.#require(seq === this.#seq + 1, `${type}: seq ${seq} follows ${this.#seq}`);
    this.#seq = seq;
    // A reset while closed tells nothing but lets everything pass again.
    if (generation > this.#generation) this.#share = 1;
    this.#require(generation >= this.#generation, `${type}: generation fell to ${generation}`);
    // Would-be opens and changed shares have a `from` and change no state.
    if ("from" in event && type !== "circuit.would_open" && type !== "circuit.degrade") {
      const pair = `${event.from}->${state}`;
      this.#count(pair);
      this.#require(event.from === this.#state, `${type}: from ${event.from} after ${this.#state}`);
      this.#require((LEGAL_PAIRS as readonly string[]).includes(pair), `${pair} is no legal pair`);
      this.#require(generation > this.#generation, `${type}: the generation did not grow`);
      this.#state = state;
    } else this.#require(state === this.#state, `${type}: state ${state} after ${this.#state}`);
    this.#generation = generation;
    this.#follow(event);
    const expected = type === "circuit.close" ? incidentId : this.#incident;
    this.#require(incidentId === expected, `${type}: incident ${incidentId} inside ${expected}`);
  }

  /** The stream is over: what it told must be what was counted. */
  end(stats: BreakerStats): void {
    const told = (key: string): number => this.#told.get(key) ?? 0;
    const { calls, transitions, skips } = stats;
    const counted: Readonly<Record<string, number>> = {
      "circuit.success": calls.success,
      "circuit.failure": calls.error + calls.latency,
      "circuit.ignored": calls.ignored + calls.cancelled + calls.unreached,
      "circuit.late": calls.late,
      "circuit.skip": Object.values(skips).reduce((sum, count) => sum + count, 0),
      "circuit.probe": Object.values(stats.probes).reduce((sum, count) => sum + count, 0),
      ...transitions,
    };
    for (const [key, count] of Object.entries(counted)) {
      this.#require(told(key) === count, `${key}: told ${told(key)} times, counted ${count}`);
    }
  }

  #follow(event: CircuitEvent): void {
    switch (event.type) {
      case "circuit.open":
        if (this.#incident === undefined) {
          this.#incident = event.incidentId;
          this.#skipsInIncident = 0;
          this.#reopens = 0;
          this.#require(event.incidentId !== undefined, "an open without an incident");
          this.#require(event.reopens === 0, "a new incident with reopens");
        }
        this.#require(event.reopens >= this.#reopens, "reopens fell");
        this.#reopens = event.reopens;
        this.#skipsSinceOpened = 0;
        return;
      case "circuit.degrade":
        this.#require(event.from !== event.to, "a share that did not change");
        this.#require(event.from === this.#share, `a share from ${event.from}`);
        this.#share = event.to;
        return;
      case "circuit.skip":
        if (this.#incident === undefined) {
          const { openMs, skipsInIncident, skipsSinceOpened } = event;
          const none = openMs === 0 && skipsInIncident === 0 && skipsSinceOpened === 0;
          this.#require(none, "a skip while closed with the numbers of an incident");
          return;
        }
        this.#skipsSinceOpened++;
        this.#skipsInIncident++;
        this.#checkSkips(event);
        return;
      case "circuit.close":
        this.#require(event.incidentId === this.#incident, "a close of another incident");
        this.#require(event.openMs <= event.mttrMs, "open for longer than the incident lasted");
        this.#checkSkips(event);
        this.#incident = undefined;
        return;
      case "circuit.failure":
        this.#require(event.consecutiveFailures > 0, "a failure after which none is counted");
        return;
      case "circuit.progress":
        this.#require(event.ratio > 0 && event.ratio < 1, `progress of ${event.ratio}`);
    }
  }

  #checkSkips(event: {
    readonly skipsSinceOpened: number;
    readonly skipsInIncident: number;
  }): void {
    const { skipsSinceOpened, skipsInIncident } = event;
    this.#require(
      skipsSinceOpened === this.#skipsSinceOpened && skipsInIncident === this.#skipsInIncident,
      `skips told ${skipsSinceOpened}/${skipsInIncident}, heard ${this.#skipsSinceOpened}/${this.#skipsInIncident}`,
    );
  }

  #count(key: string): void {
    this.#told.set(key, (this.#told.get(key) ?? 0) + 1);
  }

  #require(holds: boolean, otherwise: string): void {
    if (!holds) this.problems.push(`witness: ${otherwise}`);
  }
}
