import type { BreakerRegistry } from "../core/breaker-registry.ts";
import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import { Check } from "../events/check.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { EventEndpointOptions } from "../exporters/sse.ts";

/** What a dashboard shows: a breaker, several that share a bus, or a registry. */
export type DashboardSource = CircuitBreaker | Iterable<CircuitBreaker> | BreakerRegistry;

/** Options of {@link serveDashboard}. Unknown keys are refused. */
export interface DashboardOptions {
  /**
   * What the page is called.
   * @default the `instance` of the bus, or "telltale"
   */
  readonly title?: string;
  /**
   * Who may force breakers open and reset them from the page: names, each with a secret token of 16 characters or more.
   * The name is written into the `note` of the event, with the reason that was given.
   * @default none: the page shows, and changes nothing
   */
  readonly operators?: Readonly<Record<string, string>>;
  /**
   * From where an operator's request may come: `"loopback"` takes only those whose connection comes from this machine,
   * such as a tunnel or a proxy on it; with `respond`, which sees no connection, it takes none.
   * @default "loopback"
   */
  readonly operatorsFrom?: "loopback" | "anywhere";
  /**
   * Origins of the page as browsers see them, such as `https://ops.example.com`, when a proxy gives the service another
   * `Host` than theirs.
   * @default the one that the request's `Host` names
   */
  readonly origins?: readonly string[];
  /**
   * Options of the event stream, as for `serveEvents`.
   * @default those of `serveEvents`
   */
  readonly stream?: Omit<EventEndpointOptions, "breakers">;
}

/** The options, checked and complete. */
export interface DashboardSettings {
  readonly title: string;
  /** Name and token. */
  readonly operators: readonly (readonly [string, string])[];
  readonly fromAnywhere: boolean;
  readonly origins: ReadonlySet<string>;
  readonly stream: Omit<EventEndpointOptions, "breakers">;
  readonly bus: EventBus;
  breakers(): Iterable<CircuitBreaker>;
}

const CHECK = new Check("serve a dashboard");
const KEYS = ["title", "operators", "operatorsFrom", "origins", "stream"];
const LONGEST_TITLE = 128;
const LONGEST_OPERATOR = 64;
const SHORTEST_TOKEN = 16;
const LONGEST_TOKEN = 512;

/** @throws {TypeError|RangeError} when an argument or an option is not what it must be */
export function dashboardSettings(
  source: DashboardSource,
  options: DashboardOptions,
): DashboardSettings {
  CHECK.keys(CHECK.object("options", options), KEYS);
  const { operatorsFrom = "loopback", stream = {} } = options;
  if (operatorsFrom !== "loopback" && operatorsFrom !== "anywhere") {
    CHECK.type("operatorsFrom", '"loopback" or "anywhere"', operatorsFrom);
  }
  const { bus, breakers } = shownOf(source);
  const instance: unknown = Reflect.get(bus, "instance");
  const title = options.title ?? (typeof instance === "string" ? instance : "telltale");
  if ("breakers" in CHECK.object("stream", stream)) {
    CHECK.type("stream", "options without breakers, which the first argument names", stream);
  }
  return {
    title: CHECK.text("title", title, LONGEST_TITLE),
    operators: checkedOperators(options.operators),
    fromAnywhere: operatorsFrom === "anywhere",
    origins: checkedOrigins(options.origins),
    stream,
    bus,
    breakers,
  };
}

function shownOf(source: unknown): Pick<DashboardSettings, "bus" | "breakers"> {
  const allowed = "a breaker, several that share a bus, or a registry";
  if (typeof source !== "object" || source === null) return CHECK.type("source", allowed, source);
  if (!(Symbol.iterator in source)) {
    // A breaker is what has a bus and can be forced; anything else is refused.
    const breaker = source as CircuitBreaker;
    if (!isBreaker(breaker)) return CHECK.type("source", allowed, source);
    return { bus: breaker.bus, breakers: () => [breaker] };
  }
  const many = source as Iterable<CircuitBreaker>;
  if ("bus" in many && "get" in many) {
    // A registry, whose breakers come and go; all are on its bus.
    return { bus: many.bus as EventBus, breakers: () => many };
  }
  const breakers = [...many];
  const [first] = breakers;
  if (first === undefined) return CHECK.type("source", `${allowed}, not empty`, source);
  for (const breaker of breakers) {
    if (!isBreaker(breaker)) CHECK.type("source", allowed, breaker);
    if (breaker.bus === first.bus) continue;
    throw new TypeError(
      `Cannot serve a dashboard: breakers must share a bus, given to each as the option bus, but "${breaker.name}" has another than "${first.name}"`,
    );
  }
  return { bus: first.bus, breakers: () => breakers };
}

const isBreaker = (value: unknown): value is CircuitBreaker =>
  typeof value === "object" && value !== null && "forceOpen" in value && "bus" in value;

function checkedOperators(operators: unknown): readonly (readonly [string, string])[] {
  if (operators === undefined) return [];
  const checked = Object.entries(CHECK.object("operators", operators)).map(
    ([name, token]): readonly [string, string] => {
      CHECK.text("a name in operators", name, LONGEST_OPERATOR);
      const field = `the token of "${name}" in operators`;
      const allowed = `a string of ${SHORTEST_TOKEN} to ${LONGEST_TOKEN} characters`;
      // The token itself is in no message.
      if (typeof token !== "string") throw new TypeError(refusal(field, allowed, typeof token));
      if (token.length < SHORTEST_TOKEN || token.length > LONGEST_TOKEN) {
        throw new RangeError(refusal(field, allowed, `one of ${token.length}`));
      }
      return [name, token];
    },
  );
  if (new Set(checked.map(([, token]) => token)).size < checked.length) {
    throw new RangeError(
      "Cannot serve a dashboard: operators must each have a token of their own, received one twice",
    );
  }
  return checked;
}

const refusal = (field: string, allowed: string, received: string): string =>
  `Cannot serve a dashboard: ${field} must be ${allowed}, received ${received}`;

function checkedOrigins(origins: unknown): ReadonlySet<string> {
  if (origins === undefined) return new Set();
  if (!Array.isArray(origins)) return CHECK.type("origins", "an array of origins", origins);
  return new Set(
    (origins as readonly unknown[]).map((origin) => {
      const allowed = "an origin such as https://ops.example.com";
      if (typeof origin !== "string") return CHECK.type("origins", allowed, origin);
      return isOrigin(origin) ? origin : CHECK.range("origins", allowed, origin);
    }),
  );
}

const isOrigin = (text: string): boolean =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
