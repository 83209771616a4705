import type { Clock } from "../core/clock.ts";
import type { CircuitBreakerOptions } from "../core/options.ts";
import type { Check } from "../events/check.ts";
import type { EventBus } from "../events/event-bus.ts";
import { platformClock } from "../platform.ts";
import type { ExhaustionRegistryOptions } from "../quota/exhaustion-registry.ts";
import type { CreditLedgerOptions } from "../quota/ledger-options.ts";
import type { StateStore } from "../state/store.ts";

/** What is given for all of them, or has no meaning where calls do not run. */
type NotOfBreakers = "bus" | "clock" | "classify" | "inFlight";

/** Options of {@link ownerClass}: what one provider has. Unknown keys are refused. */
export interface OwnerOptions {
  /**
   * The breakers of the provider, by name: everything that a request may use of it. Their calls run in Workers, which
   * classify them: `classify` is an option of `connectOwner`.
   */
  readonly breakers: Readonly<Record<string, Omit<CircuitBreakerOptions, NotOfBreakers>>>;
  /**
   * The ledger of what is spent with the provider. A budget or a limit that covers several providers needs one owner for
   * all of them.
   * @default none: nothing can be spent
   */
  readonly ledger?: Omit<CreditLedgerOptions, "bus" | "clock" | "writer">;
  /** How the provider is marked whose quota is used up. */
  readonly quota?: Omit<ExhaustionRegistryOptions, "bus" | "clock">;
  /**
   * A store that new isolates may read before the owner answers, such as `createKvStore`: it is given the verdicts after
   * each change, at most once a second, never money.
   * @default none
   */
  readonly warmStart?: StateStore;
  /**
   * The bus that carries the events of breakers, quota and budgets.
   * @default none: nobody can listen
   */
  readonly bus?: EventBus;
  /**
   * The name of the owner.
   * @default the name by which the Durable Object was asked for
   */
  readonly name?: string;
  /**
   * The clock of breakers, quota and ledger.
   * @default the platform's
   */
  readonly clock?: Clock;
}

/** Options that were checked once. */
export type CheckedOwnerOptions = OwnerOptions & Required<Pick<OwnerOptions, "name" | "clock">>;

const KNOWN = ["breakers", "ledger", "quota", "warmStart", "bus", "name", "clock"];
const NOT_OF_BREAKERS = [
  "bus",
  "clock",
  "classify",
  "inFlight",
] as const satisfies readonly NotOfBreakers[];
const MOST_BREAKERS = 64;

/** @throws {TypeError|RangeError} naming the option that cannot be used */
export function checkedOwnerOptions(
  check: Check,
  options: OwnerOptions,
  known: string | undefined,
): CheckedOwnerOptions {
  check.keys(check.object("options", options), KNOWN);
  const names = Object.keys(check.object("breakers", options.breakers));
  if (names.length === 0 || names.length > MOST_BREAKERS) {
    check.range("breakers", `an object of 1 to ${MOST_BREAKERS} breakers`, names.length);
  }
  for (const [breaker, given] of Object.entries(options.breakers)) {
    for (const option of NOT_OF_BREAKERS) {
      const at = `breakers.${breaker}.${option}`;
      const value = check.object(`breakers.${breaker}`, given)[option];
      if (value !== undefined) check.type(at, "left out of the breakers of an owner", value);
    }
  }
  const { warmStart, name = known, clock = platformClock } = options;
  if (warmStart !== undefined) {
    check.function("warmStart.write", check.object("warmStart", warmStart)["write"]);
  }
  const { monotonicMs, epochMs } = check.object("clock", clock);
  check.function("clock.monotonicMs", monotonicMs);
  check.function("clock.epochMs", epochMs);
  return { ...options, name: check.text("name", name, 256), clock };
}
