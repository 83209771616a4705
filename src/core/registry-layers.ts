import { Check, shown } from "../events/check.ts";
import { hasSameParts } from "./option-changes.ts";
import { asked, type Layer, layered } from "./option-layers.ts";
import type { Reconfiguration } from "./reconfiguration.ts";
import type { BreakerOverrides, BreakerRegistryOptions } from "./registry-options.ts";
import { checkedSettings, OPTIONS, type Settings } from "./settings.ts";

/** What a name has of its own, besides what was set while the registry works. */
export interface OwnLayer {
  /** Null when it has nothing. */
  readonly layer: Layer | null;
  /** What `optionsFor` threw, or what was wrong with its answer. */
  readonly failed: { readonly thrown: unknown } | null;
}

/** The options of a registry by layer. A change makes new ones, so that a wrong change leaves nothing behind. */
export class RegistryLayers {
  readonly #defaults: Layer;
  readonly #overrides: ReadonlyMap<string, Layer>;
  readonly #live: ReadonlyMap<string, Layer>;
  readonly #optionsFor: ((name: string) => unknown) | undefined;
  /** Of every breaker that has nothing of its own. */
  readonly shared: Settings;

  private constructor(layers: {
    readonly defaults: Layer;
    readonly overrides: ReadonlyMap<string, Layer>;
    readonly live: ReadonlyMap<string, Layer>;
    readonly optionsFor: ((name: string) => unknown) | undefined;
    readonly check: Check;
  }) {
    this.#defaults = layers.defaults;
    this.#overrides = layers.overrides;
    this.#live = layers.live;
    this.#optionsFor = layers.optionsFor;
    this.shared = checkedSettings(layers.check, asked(layers.defaults));
  }

  /** @throws {TypeError|RangeError} when the defaults, or the overrides of a name, are not valid */
  static of(check: Check, options: BreakerRegistryOptions): RegistryLayers {
    const { defaults = {}, overrides = {}, optionsFor } = options;
    const ofDefaults = new Check("create registry with these defaults");
    check.object("defaults", defaults);
    check.object("overrides", overrides);
    if (optionsFor !== undefined) check.function("optionsFor", optionsFor);
    const byName = Object.entries(overrides).map(([name, given]): [string, Layer] => {
      const ofName = new Check(`create registry with these overrides of ${shown(name)}`);
      return [name, checkedLayer(ofName, given)];
    });
    const layers = new RegistryLayers({
      defaults: checkedLayer(ofDefaults, defaults),
      overrides: new Map(byName),
      live: new Map(),
      optionsFor,
      check: ofDefaults,
    });
    layers.#checkNames((name) => new Check(`create registry with these overrides of ${name}`));
    return layers;
  }

  /** Names that were given options while the registry works. */
  get liveNames(): number {
    return this.#live.size;
  }

  /** Asks `optionsFor` and lays what it answers, what the name has and what `get` was given. */
  ownOf(check: Check, name: string, given: BreakerOverrides | undefined): OwnLayer {
    const fixed = this.#overrides.get(name);
    const upper = given === undefined ? fixed : layered(fixed, checkedLayer(check, given));
    const alone: OwnLayer = { layer: upper ?? null, failed: null };
    if (this.#optionsFor === undefined) return alone;
    try {
      const answer = this.#optionsFor(name);
      if (answer === undefined) return alone;
      const ofAnswer = new Check(`use what optionsFor answered for ${shown(name)}`);
      const lower = checkedLayer(ofAnswer, answer);
      this.settingsOf(ofAnswer, name, lower);
      return { layer: layered(lower, upper), failed: null };
    } catch (thrown) {
      return { ...alone, failed: { thrown } };
    }
  }

  /** @throws {TypeError|RangeError} when the layers together are not valid */
  settingsOf(check: Check, name: string, own: Layer | null): Settings {
    const live = this.#live.get(name);
    if (own === null && live === undefined) return this.shared;
    return checkedSettings(check, asked(layered(this.#defaults, own, live)));
  }

  /** The layers with other defaults. */
  withDefaults(check: Check, changes: Reconfiguration): RegistryLayers {
    const layers = this.#with({ defaults: asked(layered(this.#defaults, changes)) }, check);
    layers.#checkNames(() => check);
    return layers;
  }

  /** The layers with further options of a name; null takes back what was set for it before. */
  withLive(check: Check, name: string, changes: Reconfiguration | null): RegistryLayers {
    const live = new Map(this.#live);
    if (changes === null) live.delete(name);
    else live.set(name, layered(live.get(name), changes));
    const layers = this.#with({ live }, check);
    layers.settingsOf(check, name, this.#overrides.get(name) ?? null);
    return layers;
  }

  /** Checks what is known of the names, whether they have a breaker or not. */
  #checkNames(checkOf: (shownName: string) => Check): void {
    for (const name of new Set([...this.#overrides.keys(), ...this.#live.keys()])) {
      this.settingsOf(checkOf(shown(name)), name, this.#overrides.get(name) ?? null);
    }
  }

  #with(
    changed: { readonly defaults: Layer } | { readonly live: ReadonlyMap<string, Layer> },
    check: Check,
  ): RegistryLayers {
    return new RegistryLayers({
      defaults: this.#defaults,
      overrides: this.#overrides,
      live: this.#live,
      optionsFor: this.#optionsFor,
      check,
      ...changed,
    });
  }
}

/** One layer, its keys checked; what they hold is checked with the layers below it. */
function checkedLayer(check: Check, layer: unknown): Layer {
  const given = check.object("options", layer);
  const { bus } = given as { readonly bus?: unknown };
  if (bus !== undefined) check.type("bus", "left out, since a registry has one for all", bus);
  return layered(check.keys(given, OPTIONS));
}

/**
 * The settings that lead from what a registry gave a breaker to what it gives now, when the breaker was changed on
 * its own in between: what did not change in the registry stays as the breaker has it.
 */
export function rebased(
  check: Check,
  own: Settings,
  given: { readonly before: Settings; readonly now: Settings },
): Settings {
  if (own === given.before) return given.now;
  const merged: Record<string, unknown> = { ...own.given };
  for (const name of OPTIONS) {
    const now = given.now.given[name];
    if (!hasSameParts(given.before.given[name], now)) merged[name] = now;
  }
  return checkedSettings(check, merged);
}
