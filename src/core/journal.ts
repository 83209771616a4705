import { describeError } from "../events/describe-error.ts";
import type { CircuitEventType, EventOf, EventType, TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import { listenerFailed } from "../events/listener-failed.ts";
import { snapshotRejected } from "../events/snapshot-rejected.ts";
import type { CircuitState } from "../events/vocabulary.ts";
import type { Call } from "./call.ts";
import {
  type AskedContext,
  askedContext,
  CALL_EVENTS,
  type Context,
  contextOf,
  NO_CONTEXT,
} from "./call-context.ts";
import type { Closing, Left, Opening, SkipFacts } from "./facts.ts";
import { type Audience, audienceOf } from "./guarded-bus.ts";
import type { Incident } from "./incident.ts";
import { noted } from "./noted.ts";
import type { ProbeEnd } from "./period.ts";
import type { Settings } from "./settings.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { TripReading, TripRule } from "./trip-rule.ts";

/** What the envelope of an event is filled from. */
export interface Committed {
  readonly name: string;
  readonly settings: Settings;
  readonly generation: number;
  readonly period: { readonly state: CircuitState };
  readonly incident: Incident | null;
  readonly consecutiveFailures: number;
  /** The number of the last event that was told. */
  seq: number;
  /** The wall clock, read once per step. */
  wallMs(): number;
}

type OwnFields<T extends CircuitEventType> = Omit<
  EventOf<T>,
  | "type"
  | "v"
  | "seq"
  | "breaker"
  | "instance"
  | "atMs"
  | "generation"
  | "state"
  | "attributes"
  | "context"
  | "incidentId"
>;

type ReportedType =
  | "circuit.half_open"
  | "circuit.degrade"
  | "circuit.disable"
  | "circuit.enable"
  | "circuit.force_changed"
  | "circuit.reconfigure"
  | "circuit.restore";

/**
 * The one place that builds events. Each is built when it is committed, so that it holds the numbers of that moment,
 * and delivered by `flush` after the whole step is committed. What nobody listens to is not built.
 */
export class Journal {
  readonly bus: EventBus;
  /** What the breaker's own listeners subscribed, where the breaker may have to leave the bus. */
  subscriptions: Subscriptions | null = null;
  readonly #audience: Audience;
  readonly #circuit: Committed;
  /** What waits for delivery: most steps tell one event, and an array for one costs more than the event. */
  #next: TelltaleEvent | null = null;
  #rest: TelltaleEvent[] | null = null;
  /** Null when the breaker has no option `context`. */
  #asked: AskedContext | null = null;
  #flushing = false;

  constructor(circuit: Committed, bus: EventBus) {
    this.#circuit = circuit;
    this.bus = bus;
    this.#audience = audienceOf(bus);
    this.followSettings();
  }

  /** The settings of the circuit are others now; a question that is being asked goes on. */
  followSettings(): void {
    if (this.#asked !== null) {
      this.#asked.askInstead(this.#circuit.settings.context);
      return;
    }
    this.#asked = askedContext(this.#circuit.settings.context, (thrown) =>
      this.callbackFailed("context", thrown),
    );
  }

  /** Another number than before means that the audience may have changed. */
  get version(): number {
    return this.#audience.version;
  }

  hears(type: CircuitEventType): boolean {
    return this.#audience.has(type);
  }

  /** Whether something was committed that waits for delivery. */
  get isWaiting(): boolean {
    return this.#next !== null;
  }

  /** Delivers what was committed. An event raised by a listener waits for those before it. */
  flush(): void {
    if (this.#asked?.asking === true) return;
    this.#asked?.forget();
    if (this.#flushing) return;
    this.#flushing = true;
    this.drain();
    this.#flushing = false;
  }

  /** Hands what is left to the bus, also while a delivery is under way: the breaker is about to leave. */
  drain(): void {
    for (let event = this.#take(); event !== null; event = this.#take()) {
      this.#audience.emit(event);
    }
  }

  #queue(event: TelltaleEvent): void {
    if (this.#next === null) this.#next = event;
    else {
      this.#rest ??= [];
      this.#rest.push(event);
    }
  }

  #take(): TelltaleEvent | null {
    const event = this.#next;
    if (event !== null) this.#next = this.#rest?.shift() ?? null;
    return event;
  }

  success({ latencyMs, staleMs, context: given }: Call): void {
    if (!this.hears("circuit.success")) return;
    const context = contextOf(this.#asked, given);
    const left = this.#failuresLeft(staleMs);
    if (left > 0) {
      this.#tell("circuit.success", { latencyMs, consecutiveFailures: left }, context);
      return;
    }
    if (!this.#isPlain(context)) {
      this.#tell("circuit.success", { latencyMs }, context);
      return;
    }
    const { name: breaker, generation, period } = this.#circuit;
    const { state } = period;
    const atMs = this.#circuit.wallMs();
    const seq = ++this.#circuit.seq;
    // By far the most frequent event: written out, it costs half of what `#tell` takes.
    const type = "circuit.success";
    this.#queue(Object.freeze({ type, v: 1, seq, breaker, atMs, generation, state, latencyMs }));
  }

  /** What a success leaves of the failures in a row: degradation forgives them one by one. */
  #failuresLeft(staleMs: number): number {
    const { consecutiveFailures } = this.#circuit;
    if (consecutiveFailures === 0) return 0;
    const { settings, period } = this.#circuit;
    if (settings.degradation !== undefined && period.state === "closed") {
      return consecutiveFailures - 1;
    }
    return staleMs === 0 || period.state === "half_open" ? 0 : consecutiveFailures;
  }

  failure(reason: "error" | "latency", { latencyMs, context, thrown }: Call): void {
    if (!this.hears("circuit.failure")) return;
    const { consecutiveFailures, settings } = this.#circuit;
    const { failureThreshold } = settings;
    const fields = { reason, consecutiveFailures, failureThreshold, latencyMs };
    this.#tell(
      "circuit.failure",
      thrown === null ? fields : { ...fields, ...told(thrown) },
      contextOf(this.#asked, context),
    );
  }

  ignored(
    countedAs: "ignored" | "cancelled" | "unreached",
    { latencyMs, context }: Omit<Call, "slot">,
  ): void {
    if (!this.hears("circuit.ignored")) return;
    this.#tell("circuit.ignored", { countedAs, latencyMs }, contextOf(this.#asked, context));
  }

  late({ outcome, latencyMs, context }: Omit<Call, "slot">): void {
    if (!this.hears("circuit.late")) return;
    this.#tell("circuit.late", { countedAs: outcome, latencyMs }, contextOf(this.#asked, context));
  }

  /** `context` is NO_CONTEXT for progress that no call has made. */
  progress(rule: TripRule, { ratio, failuresToTrip }: TripReading, context: Context): void {
    if (!this.hears("circuit.progress")) return;
    const { consecutiveFailures, settings } = this.#circuit;
    const { failureThreshold } = settings;
    const fields = { ratio, rule: rule.name, consecutiveFailures, failureThreshold };
    this.#tell(
      "circuit.progress",
      failuresToTrip === undefined ? fields : { ...fields, failuresToTrip },
      contextOf(this.#asked, context),
    );
  }

  probe(end: ProbeEnd, context: Context): void {
    if (!this.hears("circuit.probe")) return;
    // A lease ends in the step of another call.
    const own = end.outcome === "expired" ? undefined : contextOf(this.#asked, context);
    this.#tell("circuit.probe", end, own);
  }

  open(opening: Opening & Left, nowMs: number): void {
    if (!this.hears("circuit.open")) return;
    const { spentMs } = opening;
    const told = this.#opening(opening, this.#circuit.consecutiveFailures, nowMs);
    this.#tell("circuit.open", { ...told, ...opening.peer, spentMs });
  }

  /** `failures` in a row are those of the rules that only report. */
  wouldOpen(opening: Opening, failures: number, nowMs: number): void {
    if (!this.hears("circuit.would_open")) return;
    this.#tell("circuit.would_open", this.#opening(opening, failures, nowMs));
  }

  #opening(
    opening: Opening,
    consecutiveFailures: number,
    nowMs: number,
  ): OwnFields<"circuit.would_open"> {
    const { from, reason, cause, note, cooldownMs, sinceMs, thrown } = opening;
    const atMs = this.#circuit.wallMs();
    // A trip may have been effective for a while before a step commits it.
    const effectiveForMs = Math.round(nowMs - sinceMs);
    const firstMs = cause?.firstFailureMs ?? null;
    return {
      from,
      reason,
      rule: cause?.rule ?? null,
      ...noted(note),
      consecutiveFailures,
      failuresByReason: Object.freeze({ error: 0, latency: 0, ...cause?.failuresByReason }),
      window: cause === null ? null : Object.freeze({ ...cause.window }),
      threshold: cause?.threshold ?? null,
      cooldownMs,
      retryAtMs: cooldownMs === null ? null : atMs + cooldownMs - effectiveForMs,
      firstFailureAtMs: cause?.firstFailureAtMs ?? null,
      detectMs: firstMs === null ? null : Math.max(0, nowMs - firstMs),
      reopens: this.#circuit.incident?.reopens ?? 0,
      ...(thrown === null ? {} : told(thrown)),
    };
  }

  skip({ reason, openMs, retryAfterMs }: SkipFacts, context: Context): void {
    if (!this.hears("circuit.skip")) return;
    const { incident } = this.#circuit;
    // Key by key: copying an object of own fields costs as much as the rest of the refusal.
    const skip = this.#envelope("circuit.skip", contextOf(this.#asked, context), incident);
    skip["openMs"] = openMs;
    skip["skipsSinceOpened"] = incident?.skipsSinceOpened ?? 0;
    skip["skipsInIncident"] = incident?.skips ?? 0;
    skip["retryAfterMs"] = retryAfterMs;
    skip["reason"] = reason;
    // The envelope and these keys are what the type is made of.
    const event = skip as unknown as EventOf<"circuit.skip">;
    // What waits for delivery came first: then the listeners are not asked about this one ahead of it.
    const first = this.#next === null && !this.#flushing;
    if (first && this.#audience.declines(event)) return;
    this.#queue(Object.freeze(event));
  }

  close({ from, spentMs, reason, note, incident, peer }: Closing, nowMs: number): void {
    if (!this.hears("circuit.close")) return;
    this.#tell(
      "circuit.close",
      {
        from,
        spentMs,
        reason,
        ...noted(note),
        mttrMs: Math.max(0, nowMs - incident.startedMs),
        openMs: incident.openMs(nowMs),
        skipsSinceOpened: incident.skipsSinceOpened,
        skipsInIncident: incident.skips,
        probes: incident.probes,
        reopens: incident.reopens,
        ...peer,
      },
      undefined,
      incident,
    );
  }

  /** What the circuit itself can tell. */
  report<T extends ReportedType>(type: T, fields: () => OwnFields<T>): void {
    if (this.hears(type)) this.#tell(type, fields());
  }

  /** A snapshot could not be used. */
  rejected(fields: Parameters<typeof snapshotRejected>[0]): void {
    if (!this.#audience.has("state.rejected")) return;
    const { instance } = this.#audience;
    this.#queue(snapshotRejected(fields, { atMs: this.#circuit.wallMs(), instance }));
  }

  callbackFailed(callback: string, thrown: unknown): void {
    if (!this.hears("circuit.callback_failed")) return;
    this.#tell("circuit.callback_failed", { callback, error: describeError(thrown) });
  }

  /** A listener that is no listener of events threw; `failedType` is the event that tells the same. */
  listenerFailed(sink: string, failedType: EventType, thrown: unknown): void {
    if (!this.#audience.has("bus.listener_failed")) return;
    const atMs = this.#circuit.wallMs();
    this.#queue(listenerFailed({ sink, failedType, atMs }, thrown));
  }

  /** The context of a call that will be settled elsewhere, if anybody hears of it now. */
  admittedContext(): Context {
    if (this.#asked === null || !CALL_EVENTS.some((type) => this.hears(type))) return undefined;
    const context = this.#asked.fresh() ?? NO_CONTEXT;
    this.flush();
    return context;
  }

  /** Whether an event has none of the optional keys of the envelope. */
  #isPlain(context: Context): boolean {
    const { settings, incident } = this.#circuit;
    return (
      context === undefined &&
      incident === null &&
      settings.attributes === undefined &&
      this.#audience.instance === undefined
    );
  }

  #tell<T extends CircuitEventType>(
    type: T,
    fields: OwnFields<T>,
    context?: Context,
    incident: Incident | null = this.#circuit.incident,
  ): void {
    const envelope = this.#envelope(type, context, incident);
    // Envelope plus own fields is what EventOf<T> is made of; the compiler cannot follow the keys set one by one.
    this.#queue(Object.freeze(Object.assign(envelope, fields)) as unknown as EventOf<T>);
  }

  #envelope(
    type: CircuitEventType,
    context: Context,
    incident: Incident | null,
  ): Record<string, unknown> {
    const { name, settings, generation, period } = this.#circuit;
    const { instance } = this.#audience;
    // Before the number is drawn: a clock that fails tells an event of its own.
    const atMs = this.#circuit.wallMs();
    const envelope: Record<string, unknown> = {
      type,
      v: 1,
      seq: ++this.#circuit.seq,
      breaker: name,
    };
    if (instance !== undefined) envelope["instance"] = instance;
    envelope["atMs"] = atMs;
    envelope["generation"] = generation;
    envelope["state"] = period.state;
    if (settings.attributes !== undefined) envelope["attributes"] = settings.attributes;
    if (context !== undefined) envelope["context"] = context;
    if (incident !== null) envelope["incidentId"] = incident.id;
    return envelope;
  }
}

function told(thrown: { readonly value: unknown }) {
  return { error: describeError(thrown.value) };
}
