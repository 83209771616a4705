import { endWith } from "../events/end-signal.ts";
import type { TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { Trail } from "./breaker-log.ts";
import { checkedBus } from "./event-choice.ts";
import { type BreakerWriter, EventLines, type LineTarget, type OtherEvent } from "./event-lines.ts";
import { EventRing } from "./event-ring.ts";
import { EventTap } from "./event-tap.ts";
import { eventText } from "./event-text.ts";
import { type Beginning, type Source, StreamClient, type Wire } from "./sse-client.ts";
import { greeting, MessageIds, message } from "./sse-message.ts";
import {
  CHECK,
  type EndpointSettings,
  type EventEndpointOptions,
  endpointSettings,
} from "./sse-options.ts";
import { BreakerReadings } from "./sse-readings.ts";
import { catchUp, takeSnapshot } from "./sse-snapshot.ts";
import {
  type FetchStreamRequest,
  fetchWire,
  type NodeRequest,
  type NodeResponse,
  nodeWire,
  type WireEvents,
} from "./sse-wires.ts";

export type { EventEndpointOptions } from "./sse-options.ts";
export type { BreakerReading, ReadingsMessage } from "./sse-readings.ts";
export type { BreakerSnapshot, SnapshotMessage, SnapshotSource } from "./sse-snapshot.ts";
export type { FetchStreamRequest, NodeRequest, NodeResponse } from "./sse-wires.ts";

/** The data of a `gap` message: a client missed events that are no longer kept. */
export interface GapMessage {
  /** How many; null when nobody knows, because the process was begun anew. */
  readonly missed: number | null;
}

/** An endpoint that streams the events of a bus. Its functions may be passed on as they are. */
export interface EventEndpoint {
  /** Answers a request of Node's http server, or of a framework on it: `server.on("request", events.handle)`. */
  readonly handle: (request: NodeRequest, response: NodeResponse) => void;
  /** Answers a request of a fetch-style server: `app.get("/events", (c) => events.respond(c.req.raw))`. */
  readonly respond: (request: FetchStreamRequest) => Response;
  /**
   * Ends every stream and leaves no listener; a further request is answered 503. A client that takes nothing is cut off,
   * one that does not take the end by the next heartbeat as well. Behind a fetch-style server that is told by an error of
   * the body: one that waits for its connection alone, and not for the body, has to end the connection itself.
   * @throws {AggregateError} when a bus of the user's making refuses to let a listener go
   */
  readonly detach: () => void;
}

/** How a request is to be answered. */
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The whole body; undefined for a stream. */
  readonly text?: string;
}

/** What a client asked for when it came. */
interface Asked {
  readonly lastId: string | undefined;
  readonly prefer: string;
}

/** The streams of one bus. */
class EventStreams implements LineTarget, Source {
  readonly sink = "sse";
  readonly sampleSkips: boolean;
  readonly ring: EventRing;
  readonly #settings: EndpointSettings;
  readonly #ids = new MessageIds();
  readonly #lines: EventLines;
  readonly #tap: EventTap;
  readonly #clients = new Set<StreamClient>();
  readonly #writer: BreakerWriter = { write: (event, trail) => this.#take(event, trail) };
  readonly #readings: BreakerReadings | null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #readingTimer: ReturnType<typeof setInterval> | undefined;
  #detached = false;

  constructor(bus: EventBus, settings: EndpointSettings) {
    this.#settings = settings;
    this.sampleSkips = settings.sampleSkips;
    this.ring = new EventRing(settings.historyLimit);
    const { breakers } = settings;
    this.#readings = breakers === undefined ? null : new BreakerReadings(breakers);
    this.#lines = new EventLines(bus, this);
    this.#tap = new EventTap({
      bus,
      sink: this.sink,
      types: settings.types,
      take: this.#lines.take,
      listenOptions: (type) => this.#lines.listenOptions(type),
    });
  }

  writerOf(): BreakerWriter {
    return this.#writer;
  }

  writeOther(event: OtherEvent, suppressed: number): void {
    this.#take(event, { suppressed });
  }

  gap(missed: number | null, number: number): string {
    const gap: GapMessage = { missed };
    return message(this.#ids.of(number), "gap", JSON.stringify(gap));
  }

  snapshot(number: number): string | null {
    const { breakers } = this.#settings;
    if (breakers === undefined) return null;
    return message(this.#ids.of(number), "snapshot", JSON.stringify(takeSnapshot(breakers)));
  }

  readingsSince(reading: number): { readonly text: string; readonly readings: number } | null {
    const readings = this.#readings;
    if (readings === null) return null;
    return { text: readings.messageSince(reading), readings: readings.count };
  }

  lost(count: number): void {
    this.#tap.drops.add({ type: "clients", atMs: Date.now() }, count);
  }

  handle(request: NodeRequest, response: NodeResponse): void {
    const answer = this.#answer(request.method ?? "GET");
    response.writeHead(answer.status, answer.headers);
    if (answer.text !== undefined) {
      if (answer.text !== "") response.write(answer.text);
      response.end();
      return;
    }
    // One that has left already will not close again.
    if (response.destroyed === true) return;
    const given = request.headers["last-event-id"];
    const lastId = typeof given === "string" ? given : undefined;
    const { prefer } = request.headers;
    this.#open({ lastId, prefer: String(prefer ?? "") }, (events) => nodeWire(response, events));
  }

  respond(request: FetchStreamRequest): Response {
    const { status, headers, text } = this.#answer(request.method);
    if (text !== undefined) return new Response(text === "" ? null : text, { status, headers });
    // One that is gone already is told so by an empty stream.
    if (request.signal?.aborted === true) return new Response(null, { status, headers });
    let body: ReadableStream<Uint8Array> | null = null;
    const lastId = request.headers.get("last-event-id") ?? undefined;
    this.#open({ lastId, prefer: request.headers.get("prefer") ?? "" }, (events) => {
      const made = fetchWire(request.signal, events);
      ({ body } = made);
      return made.wire;
    });
    return new Response(body, { status, headers });
  }

  detach(): void {
    if (this.#detached) return;
    this.#detached = true;
    try {
      this.#tap.end();
    } finally {
      this.#lines.end();
      clearInterval(this.#readingTimer);
      // Each leaves when its connection does; the timer, which goes with the last, sees to those that do not.
      for (const client of this.#clients) client.end();
      this.#tap.drops.end();
    }
  }

  #answer(method: string): Answer {
    if (method !== "GET" && method !== "HEAD") {
      return { status: 405, headers: { allow: "GET, HEAD" }, text: "Use GET\n" };
    }
    const { breakers } = this.#settings;
    // Before the client has a place: it is sent what follows. Who hears of it may detach, or make requests.
    if (method === "GET" && breakers !== undefined && this.#hasRoom) catchUp(breakers);
    if (!this.#hasRoom) {
      const retryAfter = String(Math.ceil(this.#settings.retryMs / 1_000));
      const text = this.#detached ? "The stream has ended\n" : "Too many clients\n";
      return { status: 503, headers: { "retry-after": retryAfter }, text };
    }
    const headers = {
      "content-type": "text/event-stream; charset=utf-8",
      // Neither kept nor gathered on the way; the last is for nginx.
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      ...this.#settings.headers,
    };
    return method === "HEAD" ? { status: 200, headers, text: "" } : { status: 200, headers };
  }

  get #hasRoom(): boolean {
    return !this.#detached && this.#clients.size < this.#settings.maxClients;
  }

  #open(asked: Asked, connect: (events: WireEvents) => Wire): void {
    let client: StreamClient | undefined;
    const wire = connect({
      ready: () => client?.ready(),
      gone: () => {
        if (client !== undefined) this.#leave(client);
      },
    });
    const beginning = this.#beginning(asked);
    wire.write(greeting(this.#ids.of(beginning.after), this.#settings.retryMs));
    client = new StreamClient(this, wire, beginning);
    this.#clients.add(client);
    this.#timer ??= unheld(setInterval(() => this.#beat(), this.#settings.heartbeatMs));
    client.serve();
    // What lists the breakers may have detached, and the wire may have broken.
    if (beginning.wantsReadings && !this.#detached && this.#clients.has(client)) {
      this.#beginReading();
    }
  }

  #beginning({ lastId, prefer }: Asked): Beginning {
    const { first, last } = this.ring;
    const wishes = prefer.split(",").map((wish) => wish.trim());
    const wants = {
      wantsSnapshot: true,
      wantsReadings: this.#readings !== null && wishes.includes("readings"),
    };
    if (lastId === undefined || lastId === "") {
      return { after: wishes.includes("history") ? first - 1 : last, ...wants };
    }
    const number = this.#ids.numberOf(lastId);
    if (number === null || number > last) {
      // Another run of the process: all that is kept is new to the client.
      return { after: first - 1, missed: null, ...wants };
    }
    const missed = first - 1 - number;
    return missed > 0
      ? { after: first - 1, missed, ...wants }
      : { after: number, ...wants, wantsSnapshot: false };
  }

  #beginReading(): void {
    const read = (): void => {
      this.#readings?.take();
      for (const client of this.#clients) client.read();
    };
    this.#readingTimer ??= unheld(setInterval(read, this.#settings.readingsEveryMs));
  }

  #leave(client: StreamClient): void {
    this.#clients.delete(client);
    if (![...this.#clients].some(({ wantsReadings }) => wantsReadings)) {
      clearInterval(this.#readingTimer);
      this.#readingTimer = undefined;
    }
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beat(): void {
    for (const client of this.#clients) client.beat();
  }

  /** @throws what keeps the event from being written down; then it is lost */
  #take(event: TelltaleEvent, trail: Partial<Trail>): void {
    const data = eventText(event, trail);
    this.ring.push((number) => message(this.#ids.of(number), event.type, data));
    this.#tap.drops.heard(event);
    for (const client of this.#clients) client.serve();
  }
}

/** A timer that keeps no process alive; other hosts than Node have nothing to let go. */
function unheld(timer: ReturnType<typeof setInterval>): ReturnType<typeof setInterval> {
  if (typeof timer === "object" && "unref" in timer) timer.unref();
  return timer;
}

/**
 * Streams the events of a bus to any number of clients as server-sent events, from any Node or fetch-style server. The
 * message is called as its event (`circuit.open`), its data is the event with `prevSeq` and `suppressed` as in a log
 * line. Further messages are the stream's own: `snapshot` ({@link SnapshotMessage}), which a new client is sent
 * when `breakers` is given, and `gap` ({@link GapMessage}).
 *
 * A client that comes back with `Last-Event-ID` is sent what it missed, from a bounded ring; when the ring no longer has
 * it, a `gap` says how much is missing, and what the ring has and a `snapshot` follow. With the header
 * `prefer: history` a new client begins with what the ring has; with `prefer: readings` it is sent, every
 * `readingsEveryMs`, how the breakers stand ({@link ReadingsMessage}): what no event tells, such as successes that take
 * back the distance to a trip. The live page and `telltale watch` ask for both. A client that reads slowly holds
 * nothing but its place in the ring: falling behind it, it is told the same, and what it missed is counted as
 * `bus.dropped` with the sink `sse`. One for whom nothing moves for four heartbeats is dropped; see `heartbeatMs`.
 *
 * It listens to the bus from this call on, so that there is something to resume from. Whoever may read the events may
 * read what they carry: put the endpoint behind the same door as the metrics.
 *
 * @throws {TypeError|RangeError} when an argument or an option is not what it must be
 * @example
 * const events = serveEvents(bus, { breakers: [payments, search] });
 * createServer((request, response) => {
 *   if (request.url === "/events") events.handle(request, response);
 * });
 */
export function serveEvents(bus: EventBus, options: EventEndpointOptions = {}): EventEndpoint {
  const settings = endpointSettings(options);
  const streams = new EventStreams(checkedBus(CHECK, bus), settings);
  const off = endWith(settings.signal, () => {
    try {
      streams.detach();
    } catch {
      // A bus of the user's making keeps a listener: whoever aborts is not the one to tell.
    }
  });
  return {
    handle: (request, response) => streams.handle(request, response),
    respond: (request) => streams.respond(request),
    detach() {
      try {
        streams.detach();
      } finally {
        off();
      }
    },
  };
}
