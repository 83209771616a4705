import type { Classify } from "../core/classification.ts";
import type { Clock } from "../core/clock.ts";
import { Check } from "../events/check.ts";
import type { EventBus } from "../events/event-bus.ts";
import { platformClock, platformRandom, platformTimers, type Timers } from "../platform.ts";

/** Options of {@link connectOwner}. Unknown keys are refused. */
export interface OwnerConnectionOptions {
  /**
   * How long an isolate goes by the owner's last answer, in milliseconds: 1 000 to 5 000. An open breaker is held to its
   * deadline.
   * @default 2000
   */
  readonly cacheMs?: number;
  /**
   * How long a request waits for the owner, in milliseconds, before it goes on by the last answer, by the warm start, or
   * as if the breakers were closed.
   * @default 250
   */
  readonly deadlineMs?: number;
  /**
   * How many spends wait for an owner that does not answer; beyond it the oldest is lost, which `owner.spend_lost` tells.
   * @default 1000
   */
  readonly spendLimit?: number;
  /**
   * What becomes of a call with an `estimate` when the owner cannot be asked to reserve it: `block` refuses it, with
   * reason `quota`; `allow` lets it run, and what it costs is recorded later.
   * @default "block"
   */
  readonly unreserved?: "block" | "allow";
  /**
   * What a finished call counts as, as the option of a breaker: `classifyHttp`, for example.
   * @default thrown is `error`
   */
  readonly classify?: Classify;
  /**
   * The bus that carries `owner.*`. What breakers, quota and budgets do is told where they are, by the owner.
   * @default none: nobody can listen
   */
  readonly bus?: EventBus;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly random?: () => number;
}

/** Options that were checked once. */
export type ConnectionSettings = Required<Omit<OwnerConnectionOptions, "bus" | "classify">> &
  Pick<OwnerConnectionOptions, "bus"> & { readonly classify: Classify | undefined };

const KNOWN = [
  "cacheMs",
  "deadlineMs",
  "spendLimit",
  "unreserved",
  "classify",
  "bus",
  "clock",
  "timers",
  "random",
];
const DEFAULTS = Object.freeze({
  cacheMs: 2_000,
  deadlineMs: 250,
  spendLimit: 1_000,
  unreserved: "block",
});

/** @throws {TypeError|RangeError} naming the option that cannot be used */
export function connectionSettings(options: OwnerConnectionOptions): ConnectionSettings {
  const check = new Check("connect owner");
  check.keys(check.object("options", options), KNOWN);
  const { cacheMs, deadlineMs, spendLimit, unreserved } = { ...DEFAULTS, ...options };
  check.positiveMs("cacheMs", cacheMs);
  if (cacheMs < 1_000 || cacheMs > 5_000) check.range("cacheMs", "1000 to 5000", cacheMs);
  check.positiveMs("deadlineMs", deadlineMs);
  check.positiveInteger("spendLimit", spendLimit);
  if (unreserved !== "block" && unreserved !== "allow") {
    return check.range("unreserved", '"block" or "allow"', unreserved);
  }
  const { classify, bus, clock = platformClock } = options;
  const { timers = platformTimers, random = platformRandom } = options;
  if (classify !== undefined) check.function("classify", classify);
  if (bus !== undefined) {
    for (const method of ["emit", "on", "has"] as const)
      check.function(`bus.${method}`, bus[method]);
  }
  const { monotonicMs, epochMs } = check.object("clock", clock);
  check.function("clock.monotonicMs", monotonicMs);
  check.function("clock.epochMs", epochMs);
  const { start, stop } = check.object("timers", timers);
  check.function("timers.start", start);
  check.function("timers.stop", stop);
  check.function("random", random);
  const limits = { cacheMs, deadlineMs, spendLimit, unreserved };
  const settings = { ...limits, classify, clock, timers, random };
  return bus === undefined ? settings : { ...settings, bus };
}
