import { platformRandom } from "../platform.ts";
import { DEFAULT_COOLDOWN_MS, type Settings } from "./settings.ts";

// Options that are functions of the user's: what they answer is checked, and when they fail the default holds.

/** What asks: the circuit. */
interface Asking {
  readonly settings: Settings;
  callbackFailed(callback: string, thrown: unknown): void;
}

/** A number in [0, 1) from the random source that was given, or from the platform's when that fails. */
export function chanceOf(asking: Asking): number {
  try {
    const drawn = asking.settings.random();
    if (typeof drawn === "number" && drawn >= 0 && drawn < 1) return drawn;
    throw new RangeError(`random must return a number in [0, 1), received ${String(drawn)}`);
  } catch (thrown) {
    asking.callbackFailed("random", thrown);
    return platformRandom();
  }
}

/** The cooldown of an attempt. */
export function cooldownOf(asking: Asking, attempt: number): number {
  const { cooldown } = asking.settings;
  if (typeof cooldown === "number") return cooldown;
  try {
    const asked = cooldown(attempt, () => chanceOf(asking));
    if (Number.isFinite(asked) && asked >= 0) return asked;
    throw new RangeError(
      `cooldownMs must return a non-negative number of milliseconds, received ${String(asked)}`,
    );
  } catch (thrown) {
    asking.callbackFailed("cooldownMs", thrown);
    return DEFAULT_COOLDOWN_MS;
  }
}
