import { Check } from "../events/check.ts";
import type { HostSignal, Next, Scope } from "./call-scope.ts";
import { HOST, Policy, RUN } from "./policy.ts";
import {
  checkedPolicy,
  checkedTimerMs,
  labelOf,
  PolicyHost,
  type PolicyOptions,
} from "./policy-host.ts";
import { type Expiry, runTimed, type TimeLimit } from "./timed-call.ts";
import { timeoutError } from "./timeout-error.ts";

const MODES = ["abandon", "cooperate"] as const;
/** What happens to a call at its limit, after its signal was aborted. */
export type TimeoutMode = (typeof MODES)[number];

/** Options of {@link timeout}. Unknown keys are refused. */
export interface TimeoutOptions extends PolicyOptions {
  /** The time that a call has, in milliseconds; above 0, at most 2 147 483 646. */
  readonly limitMs: number;
  /**
   * `abandon` answers the caller at once, also when the function ignores its signal and runs on; its result is dropped
   * then. `cooperate` waits until the function ends: a value that comes late is still its value, a throw becomes a
   * `TimeoutError` with the thrown value as its cause, which no policy around it tries again or hides when that is
   * permanent.
   * @default "abandon"
   */
  readonly mode?: TimeoutMode;
}

/** The policy that {@link timeout} makes. */
export class Timeout extends Policy<never, unknown, [signal: HostSignal]> {
  readonly #host: PolicyHost;
  readonly #limit: TimeLimit;

  constructor(host: PolicyHost, limitMs: number, abandon: boolean) {
    super();
    const { clock, timers } = host;
    this.#host = host;
    this.#limit = { limitMs, abandon, clock, timers, expire: (scope) => this.#expire(scope) };
  }

  get name(): string {
    return this.#host.name;
  }

  get [HOST](): PolicyHost {
    return this.#host;
  }

  [RUN]<T>(next: Next<T>, scope: Scope): Promise<T> {
    return runTimed(this.#limit, next, scope);
  }

  #expire(scope: Scope): Expiry {
    const { limitMs, abandon: abandoned } = this.#limit;
    const host = this.#host;
    if (host.hears("timeout.expired")) host.tell("timeout.expired", scope, { limitMs, abandoned });
    const facts = { policy: host.name, limitMs, abandoned };
    const reason = timeoutError({ ...facts, thrown: undefined });
    return {
      reason,
      error: (thrown) => (thrown === undefined ? reason : timeoutError({ ...facts, thrown })),
    };
  }
}

/**
 * Limits the time of a call. Each call has an abort controller of its own, whose signal `fn` receives and which also
 * follows the caller's signal. At the limit the signal is aborted and the call rejects with a {@link TimeoutError},
 * which a breaker around it counts as `latency`, and so does a breaker inside it, whatever the call throws then. Inside a
 * retry it limits each attempt; around it all of them, and a wait that would not end before the limit is not begun.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * const patience = timeout("search", { limitMs: 2_000 });
 * const response = await patience.call((signal) => fetch("http://127.0.0.1:8080/", { signal }));
 */
export function timeout(name: string, options: TimeoutOptions): Timeout {
  const check = new Check(`create ${labelOf("timeout", name)}`);
  const given = checkedPolicy(check, name, options, ["limitMs", "mode"]);
  const limitMs = checkedTimerMs(check, "limitMs", given.limitMs);
  const { mode = "abandon" } = given;
  if (!MODES.includes(mode)) check.range("mode", `one of ${MODES.join(", ")}`, mode);
  return new Timeout(new PolicyHost(name, given), limitMs, mode === "abandon");
}
