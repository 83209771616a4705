import { Check } from "../events/check.ts";
import { checkedSignal, type EndSignal } from "../events/end-signal.ts";
import type { EventType } from "../events/event.ts";
import { chosenTypes, type EventChoice } from "./event-choice.ts";
import { checkedSnapshotSource, type SnapshotSource } from "./sse-snapshot.ts";

/** Options of {@link serveEvents}. Unknown keys are refused. */
export interface EventEndpointOptions extends EventChoice {
  /**
   * The breakers that a new client is told the state of, in a message called `snapshot`: one, several, or a function
   * that gives the present ones.
   * @default none: a new client learns of a breaker with its next event
   */
  readonly breakers?: SnapshotSource;
  /**
   * Events kept for clients that come back, or are slow.
   * @default 1_000
   */
  readonly historyLimit?: number;
  /**
   * Clients at a time; a further one is answered 503.
   * @default 100
   */
  readonly maxClients?: number;
  /**
   * Milliseconds between two comments that keep the connection alive. A client is dropped when nothing that waits for it
   * has moved for four of them. What the system's own buffers take counts as taken, and on a quiet bus they take heartbeats
   * for days: a client that is there and does not read keeps its place in `maxClients` until they are full. One that is
   * gone without a word loses it when the system gives up on what nobody acknowledges, on Linux after some 15 minutes.
   * @default 15_000
   * @see https://man7.org/linux/man-pages/man7/tcp.7.html (`tcp_retries2`)
   */
  readonly heartbeatMs?: number;
  /**
   * Milliseconds between two messages called `readings`, for clients that ask for them with the header
   * `prefer: readings`. Breakers are read only while there is one.
   * @default 2_000
   */
  readonly readingsEveryMs?: number;
  /**
   * Milliseconds that a client is asked to wait before it comes back.
   * @default 2_000
   */
  readonly retryMs?: number;
  /**
   * Whether refused calls, and the events of policies, are sampled without loss, as {@link logCircuitEvents} samples them: an event that follows some
   * that were not sent has their number as `suppressed`. `false` sends each.
   * @default true
   */
  readonly sampleSkips?: boolean;
  /**
   * Further headers of the answer, such as `access-control-allow-origin`.
   * @default none
   */
  readonly headers?: Readonly<Record<string, string>>;
  /** Detaches when it aborts. */
  readonly signal?: EndSignal;
}

/** The options, checked and complete. */
export interface EndpointSettings {
  readonly types: readonly EventType[];
  readonly breakers: SnapshotSource | undefined;
  readonly historyLimit: number;
  readonly maxClients: number;
  readonly heartbeatMs: number;
  readonly readingsEveryMs: number;
  readonly retryMs: number;
  readonly sampleSkips: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: EndSignal | undefined;
}

export const CHECK = new Check("serve events");
const DEFAULTS = Object.freeze({
  historyLimit: 1_000,
  maxClients: 100,
  heartbeatMs: 15_000,
  readingsEveryMs: 2_000,
  retryMs: 2_000,
  sampleSkips: true,
});
const KEYS = [
  "events",
  "breakers",
  "historyLimit",
  "maxClients",
  "heartbeatMs",
  "readingsEveryMs",
  "retryMs",
  "sampleSkips",
  "headers",
  "signal",
];
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** The longest that a timer can wait. */
const LONGEST_MS = 2_147_483_647;

/** @throws {TypeError|RangeError} when an option is not what it must be */
export function endpointSettings(options: EventEndpointOptions): EndpointSettings {
  CHECK.keys(CHECK.object("options", options), KEYS);
  const given = { ...DEFAULTS, ...defined(options) };
  const retryMs = CHECK.positiveInteger("retryMs", given.retryMs);
  return {
    types: chosenTypes(CHECK, options.events),
    breakers: checkedSnapshotSource(CHECK, options.breakers),
    historyLimit: CHECK.positiveInteger("historyLimit", given.historyLimit),
    maxClients: CHECK.positiveInteger("maxClients", given.maxClients),
    heartbeatMs: timerMs("heartbeatMs", given.heartbeatMs),
    readingsEveryMs: timerMs("readingsEveryMs", given.readingsEveryMs),
    retryMs,
    sampleSkips: CHECK.flag("sampleSkips", given.sampleSkips),
    headers: checkedHeaders(options.headers),
    signal: checkedSignal(CHECK, options.signal),
  };
}

function defined(options: EventEndpointOptions): EventEndpointOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function timerMs(field: string, value: unknown): number {
  const ms = CHECK.positiveMs(field, value);
  return ms <= LONGEST_MS ? ms : CHECK.range(field, `at most ${LONGEST_MS} milliseconds`, value);
}

function checkedHeaders(headers: unknown): Readonly<Record<string, string>> {
  if (headers === undefined) return {};
  const checked: Record<string, string> = {};
  for (const [name, value] of Object.entries(CHECK.object("headers", headers))) {
    if (!HEADER_NAME.test(name)) CHECK.range("a name in headers", "the name of a header", name);
    const field = `headers.${name}`;
    if (typeof value !== "string") return CHECK.type(field, "a string", value);
    // A server throws at an illegal one: with every request, instead of once and here.
    if (!HEADER_VALUE.test(value)) CHECK.range(field, "what a header can hold", value);
    checked[name.toLowerCase()] = value;
  }
  return checked;
}
