import type { CircuitEventType, CircuitState } from "../../src/index.ts";
import { failuresInARow } from "./failures.ts";
import {
  committedState,
  type Fact,
  generation,
  incidentNumber,
  lastOpening,
  type Moment,
  type Rules,
} from "./history.ts";
import type { Audience, Ending } from "./in-and-out.ts";
import { describedAs } from "./thrown.ts";

/** What happened to one breaker, and the events that tell it. */
export class Teller {
  readonly rules: Rules;
  readonly history: Fact[] = [];
  readonly audience: Audience;
  readonly begunMs: number;
  #told = 0;

  constructor(rules: Rules, audience: Audience, begunMs: number) {
    this.rules = rules;
    this.audience = audience;
    this.begunMs = begunMs;
  }

  get committed(): CircuitState {
    return committedState(this.history);
  }

  get consecutiveFailures(): number {
    return failuresInARow(this.history, this.rules).count;
  }

  /** Tells an event, when somebody listens. */
  tell(at: Moment, type: CircuitEventType, fields: object, context?: object): void {
    if (!this.audience.hears(type)) return;
    this.#told++;
    const incidentId = this.incident();
    this.audience.tell({
      type,
      v: 1,
      seq: this.#told,
      ...this.rules.envelope,
      atMs: at.wallMs,
      generation: generation(this.history),
      state: this.committed,
      ...(context === undefined ? {} : { context }),
      ...(incidentId === undefined ? {} : { incidentId }),
      ...fields,
    });
  }

  incident(): string | undefined {
    const number = incidentNumber(this.history);
    return number === null ? undefined : `incident ${number}`;
  }

  openMs(at: Moment): number {
    const opening = lastOpening(this.history);
    return opening === null ? 0 : at.nowMs - opening.nowMs;
  }

  distance() {
    const { failureThreshold } = this.rules;
    return { consecutiveFailures: this.consecutiveFailures, failureThreshold };
  }

  error(thrown: Ending["thrown"]) {
    return thrown === null ? {} : { error: describedAs(thrown.value) };
  }
}
