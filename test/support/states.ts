import type {
  CircuitBreakerOptions,
  CircuitEvent,
  CircuitState,
  EventOf,
} from "../../src/index.ts";
import { failTimes, type Watched, watch } from "./breaker.ts";

/** The cooldown of the breakers that `watchIn` makes, unless the test sets another. */
export const COOLDOWN_MS = 1_000;

/**
 * Brings a breaker into a committed state and forgets what it told on the way. In `half_open` every slot is free: the
 * probe that opened it was ignored.
 */
export async function watchIn(
  state: CircuitState,
  options: CircuitBreakerOptions = {},
): Promise<Watched> {
  const watched = watch({ failureThreshold: 2, cooldownMs: COOLDOWN_MS, ...options });
  const { breaker, clock, told } = watched;
  if (state === "open" || state === "half_open") {
    await failTimes(breaker, options.failureThreshold ?? 2);
  }
  if (state === "half_open") {
    clock.advance(breaker.retryAfterMs ?? 0);
    const permit = breaker.admit();
    if (!permit.ok) throw permit.error;
    permit.ignore();
  }
  if (state === "forced_open") breaker.forceOpen();
  if (state === "disabled") breaker.disable();
  if (breaker.state !== state) throw new Error(`Wanted ${state}, got ${breaker.state}`);
  told();
  return watched;
}

const CHANGES = ["open", "half_open", "close", "disable", "enable"] as const;
/** The events of a committed change of state. */
export type ChangeEvent = EventOf<`circuit.${(typeof CHANGES)[number]}`>;

/** Whether an event tells a committed change of state. */
export function isChange(event: CircuitEvent): event is ChangeEvent {
  return CHANGES.some((name) => event.type === `circuit.${name}`);
}

/** Takes a permit; fails the test when the breaker refuses. */
export function permitOf({ breaker }: Pick<Watched, "breaker">) {
  const permit = breaker.admit();
  if (!permit.ok) throw permit.error;
  return permit;
}

/** Takes a refusal; fails the test when the breaker admits. */
export function refusalOf({ breaker }: Pick<Watched, "breaker">) {
  const refusal = breaker.admit();
  if (refusal.ok) throw new Error("The breaker admitted a call that it should refuse");
  return refusal.error;
}

/** The generation that the breaker is in, read from an event that changes nothing. */
export async function generationOf({ breaker }: Pick<Watched, "breaker">): Promise<number> {
  let generation = Number.NaN;
  const off = breaker.on("circuit.ignored", (event) => {
    generation = event.generation;
  });
  // A call that was cancelled before it began takes no slot and changes no state.
  await breaker.execute(() => undefined, { signal: { aborted: true } });
  off();
  return generation;
}
