import type { Clock } from "../core/clock.ts";
import { type Audience, audienceOf } from "../core/guarded-bus.ts";
import { SteadyClock } from "../core/steady-clock.ts";
import type { Check } from "../events/check.ts";
import { describeError } from "../events/describe-error.ts";
import type { EventOf } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { POLICY_EVENTS } from "../events/policy-events.ts";
import {
  LONGEST_TIMER_MS,
  platformClock,
  platformRandom,
  platformTimers,
  type Timers,
} from "../platform.ts";
import type { Scope } from "./call-scope.ts";
import type { Surroundings } from "./surroundings.ts";
import { answerTo, notify, type Question } from "./user-answer.ts";

export type { Timers } from "../platform.ts";

/** Options that every policy takes. */
export interface PolicyOptions {
  /**
   * The bus that carries the policy's events.
   * @default none: nobody can listen
   */
  readonly bus?: EventBus;
  /**
   * Where the time comes from.
   * @default the platform's clocks
   */
  readonly clock?: Clock;
  /**
   * What starts and stops timers.
   * @default setTimeout and clearTimeout
   */
  readonly timers?: Timers;
}

/** The names of the options that every policy takes. */
const POLICY_OPTIONS = ["bus", "clock", "timers"];

const LONGEST_NAME = 256;

const RANDOM: Question<number> = {
  callback: "random",
  allowed: "a number in [0, 1)",
  accepts: (answer): answer is number => typeof answer === "number" && answer >= 0 && answer < 1,
};

type PolicyEventType = keyof typeof POLICY_EVENTS;
type OwnFields<T extends PolicyEventType> = Omit<
  EventOf<T>,
  "type" | "v" | "instance" | "atMs" | "policy" | "context"
>;

/** What surrounds a policy: its name, the time, chance, timers, and those who listen. */
export class PolicyHost implements Surroundings {
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly #audience: Audience | null;
  readonly #random: () => number;

  constructor(name: string, options: PolicyOptions, random: () => number = platformRandom) {
    const { bus, clock = platformClock, timers = platformTimers } = options;
    this.name = name;
    this.#audience = bus === undefined ? null : audienceOf(bus);
    this.clock =
      clock === platformClock
        ? platformClock
        : new SteadyClock(clock, (reading, thrown) => this.failed(reading, thrown, undefined));
    this.timers = timers === platformTimers ? timers : this.#guarded(timers);
    this.#random = random;
  }

  /** A timer that cannot be stopped fires for nobody; the call must not wait for it. */
  #guarded(timers: Timers): Timers {
    const asking = { host: this, scope: undefined };
    return {
      start: (callback, delayMs) => {
        const started = { isOver: false, timer: undefined as unknown };
        const fire = (): void => {
          if (!started.isOver) callback();
        };
        started.timer = timers.start(fire, delayMs);
        return started;
      },
      stop: (given) => {
        // What `start` has returned.
        const started = given as { isOver: boolean; readonly timer: unknown };
        started.isOver = true;
        notify("timers.stop", () => timers.stop(started.timer), asking);
      },
    };
  }

  /** Whether nobody can ever listen. */
  get isUnheard(): boolean {
    return this.#audience === null;
  }

  get hearsFailures(): boolean {
    return this.hears("policy.callback_failed");
  }

  hears(type: PolicyEventType): boolean {
    return this.#audience?.has(type) === true;
  }

  /** The wall clock now. */
  epochMs(): number {
    const { clock } = this;
    // A clock of the user's stands still within a step, and it is this reading that begins one.
    if (clock !== platformClock) clock.monotonicMs();
    return clock.epochMs();
  }

  /** Tells an event; ask `hears` first, so that nothing is built for nobody. */
  tell<T extends PolicyEventType>(
    type: T,
    scope: Pick<Scope, "context"> | undefined,
    fields: OwnFields<T>,
  ): void {
    const audience = this.#audience;
    if (audience === null) return;
    const { instance } = audience;
    // Before the event is made: a clock that fails tells an event of its own.
    const atMs = this.epochMs();
    const event: Record<string, unknown> = { type, v: 1 };
    if (instance !== undefined) event["instance"] = instance;
    event["atMs"] = atMs;
    event["policy"] = this.name;
    if (scope?.context !== undefined) event["context"] = scope.context;
    // Envelope plus own fields is what EventOf<T> is made of; the compiler cannot follow the keys set one by one.
    audience.emit(Object.freeze(Object.assign(event, fields)) as unknown as EventOf<T>);
  }

  /** Tells that something the user gave failed; the call goes on without it. */
  failed(callback: string, thrown: unknown, scope: Pick<Scope, "context"> | undefined): void {
    if (!this.hearsFailures) return;
    this.tell("policy.callback_failed", scope, { callback, error: describeError(thrown) });
  }

  /** A number in [0, 1) from the random source that was given, or from the platform's when that fails. */
  chance(): number {
    return answerTo(RANDOM, this.#random, { host: this, scope: undefined }) ?? platformRandom();
  }
}

/** Checks a policy's name and the options that all policies take, and refuses unknown ones. */
export function checkedPolicy<O extends PolicyOptions>(
  check: Check,
  name: unknown,
  options: O,
  known: readonly string[],
): O {
  check.text("name", name, LONGEST_NAME);
  return checkedCommon(check, options, known);
}

/** Checks the options that all policies take, and refuses unknown ones. */
export function checkedCommon<O extends PolicyOptions>(
  check: Check,
  options: O,
  known: readonly string[],
): O {
  check.object("options", options);
  check.keys(options, [...known, ...POLICY_OPTIONS]);
  return checkedSurroundings(check, options);
}

/** Checks the options that all policies take, and no others. */
export function checkedSurroundings<O extends PolicyOptions>(check: Check, options: O): O {
  const { bus, clock, timers } = options;
  if (bus !== undefined) {
    check.object("bus", bus);
    for (const method of ["emit", "on", "has"] as const)
      check.function(`bus.${method}`, bus[method]);
  }
  if (clock !== undefined) {
    check.object("clock", clock);
    check.function("clock.monotonicMs", clock.monotonicMs);
    check.function("clock.epochMs", clock.epochMs);
  }
  if (timers !== undefined) {
    check.object("timers", timers);
    check.function("timers.start", timers.start);
    check.function("timers.stop", timers.stop);
  }
  return options;
}

/** A time that a timer can wait: more than 0, and no longer than timers of hosts take. */
export function checkedTimerMs(check: Check, field: string, value: unknown): number {
  check.positiveMs(field, value);
  return checkedWaitMs(check, field, value);
}

/** A time that a timer can wait, or none. */
export function checkedWaitMs(check: Check, field: string, value: unknown): number {
  const checked = check.durationMs(field, value);
  if (checked <= LONGEST_TIMER_MS) return checked;
  return check.range(field, `at most ${LONGEST_TIMER_MS} milliseconds`, value);
}

/** The name of a policy for an error message, once it is known to be printable. */
export function labelOf(kind: string, name: unknown): string {
  return typeof name === "string" && name.length <= LONGEST_NAME ? `${kind} "${name}"` : kind;
}
