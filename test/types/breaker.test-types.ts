import {
  type BreakerStats,
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitEvent,
  CircuitOpenError,
  type CircuitState,
  type Classify,
  type CountedAs,
  createEventBus,
  type EventBus,
  type EventOf,
  type ExecuteResult,
  isCircuitOpenError,
  iterateEvents,
  type Permit,
  type Refusal,
  type SkipReason,
  streamEvents,
} from "../../src/index.ts";

// Nothing here runs: the compiler is the test. A line under `@ts-expect-error` must not compile, and the compiler
// complains when it does.

/** True when both types are the same, also in what is readonly or optional. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;

declare const breaker: CircuitBreaker;
declare const bus: EventBus;

export function events(): void {
  // The event is typed by its name.
  breaker.on("circuit.skip", (event) => {
    same<typeof event, EventOf<"circuit.skip">>(true);
    same<typeof event.openMs, number>(true);
    same<typeof event.retryAfterMs, number | null>(true);
    same<typeof event.reason, SkipReason>(true);
    same<typeof event.incidentId, string | undefined>(true);
    // @ts-expect-error a skip has no mttrMs
    event.mttrMs;
    // @ts-expect-error events are readonly
    event.openMs = 0;
    // @ts-expect-error and so is what they hold
    if (event.context !== undefined) event.context["key"] = 1;
  });
  breaker.once("circuit.open", (event) => {
    same<typeof event.failuresByReason, Readonly<Record<"error" | "latency", number>>>(true);
    same<typeof event.rule, string | null>(true);
    same<typeof event.reason, "error" | "latency" | "forced" | "peer">(true);
    // @ts-expect-error the counts are readonly
    event.failuresByReason.error = 0;
    // @ts-expect-error a text may be missing
    event.note.length;
    // @ts-expect-error a moment may be null
    event.retryAtMs.toFixed();
  });
  bus.on("bus.listener_failed", (event) => {
    same<typeof event.sink, string>(true);
    // @ts-expect-error events of the bus belong to no breaker
    event.breaker;
    // @ts-expect-error and carry no number
    event.seq;
  });

  // A family gives the union, told apart by type.
  breaker.on("circuit.*", (event) => {
    same<typeof event, CircuitEvent>(true);
    same<typeof event.state, CircuitState>(true);
    // @ts-expect-error not every event has a latency
    event.latencyMs;
    if (event.type === "circuit.close") same<typeof event.mttrMs, number>(true);
    if (event.type === "circuit.degrade") same<typeof event.to, number>(true);
  });
  bus.on("circuit.*", (event) => same<typeof event, CircuitEvent>(true));
  bus.on("bus.*", (event) =>
    same<typeof event, EventOf<"bus.listener_failed" | "bus.dropped">>(true),
  );

  // @ts-expect-error no event has that name
  breaker.on("circuit.opne", () => {});
  // @ts-expect-error a breaker tells only its own events
  breaker.on("bus.listener_failed", () => {});
  // @ts-expect-error no event has that name
  bus.on("circuit.half-open", () => {});
  // @ts-expect-error a family has a name
  bus.on("*", () => {});
  // @ts-expect-error the listener must take this event
  breaker.on("circuit.open", (event: EventOf<"circuit.close">) => event.mttrMs);
  // @ts-expect-error has() takes no family
  bus.has("circuit.*");

  const off: () => void = breaker.on("circuit.open", () => {}, { sink: "pager" });
  off();
  // An async listener is allowed: the bus looks after its promise.
  breaker.on("circuit.open", async () => {});
  // @ts-expect-error the option is called sink
  breaker.on("circuit.open", () => {}, { sinc: "pager" });
}

/** Iterations and streams are typed by the pattern, too. */
export async function streams(): Promise<void> {
  for await (const event of iterateEvents(bus, "circuit.skip")) {
    same<typeof event, EventOf<"circuit.skip">>(true);
  }
  for await (const event of iterateEvents(breaker, "circuit.*")) {
    same<typeof event, CircuitEvent>(true);
  }
  const options = {
    bufferLimit: 5,
    whenFull: "drop-newest",
    signal: AbortSignal.timeout(5),
  } as const;
  for await (const event of streamEvents(bus, "bus.*", options)) {
    same<typeof event, EventOf<"bus.listener_failed" | "bus.dropped">>(true);
  }
  same<ReturnType<typeof stream>, ReadableStream<EventOf<"circuit.open">>>(true);
  // The host's own type: it is what its other parts take.
  new Response(stream().pipeThrough(new TransformStream<EventOf<"circuit.open">, Uint8Array>()));
  // @ts-expect-error a breaker tells only its own events
  iterateEvents(breaker, "bus.*");
  // @ts-expect-error no event has that name
  streamEvents(bus, "circuit.opne");
  // @ts-expect-error there is no such policy
  iterateEvents(bus, "circuit.open", { whenFull: "block" });
  // @ts-expect-error a bus of the user's making need not have once()
  bus.once("circuit.open", () => {});
  createEventBus().once("circuit.open", (event) =>
    same<typeof event, EventOf<"circuit.open">>(true),
  );
}
const stream = () => streamEvents(breaker, "circuit.open");

export async function calls(): Promise<void> {
  same<Awaited<ReturnType<typeof one>>, number>(true);
  async function one() {
    return breaker.call(() => 1);
  }
  const text: string = await breaker.call(async () => "text");
  const like: Promise<boolean> = breaker.call((): PromiseLike<boolean> => Promise.resolve(true));
  const nothing: Promise<void> = breaker.call(() => {});
  void [text, like, nothing];

  const { signal } = new AbortController();
  const passed = await breaker.call((own) => own.throwIfAborted(), { signal });
  same<typeof passed, void>(true);
  await breaker.call((own: AbortSignal) => own.aborted, { signal, context: { id: 1 } });
  await breaker.call(() => 1, { signal });
  // A signal may be missing at run time.
  const maybe: AbortSignal | undefined = Math.random() < 0.5 ? signal : undefined;
  await breaker.call(() => 1, { signal: maybe });

  // @ts-expect-error fn wants a signal and none is given
  await breaker.call((own: AbortSignal) => own.aborted);
  // @ts-expect-error nor is one given here
  await breaker.call((own: AbortSignal) => own.aborted, { context: { id: 1 } });
  // @ts-expect-error the signal may be missing
  await breaker.call((own: AbortSignal) => own.aborted, { signal: maybe });
  // @ts-expect-error the signal is of another kind
  await breaker.call((own: AbortSignal) => own.aborted, { signal: { aborted: false } });
  // @ts-expect-error fn takes a signal and nothing else
  await breaker.call((own: AbortSignal, more: number) => [own, more], { signal });
  // @ts-expect-error fn is a function
  await breaker.call(Promise.resolve(1));
  // @ts-expect-error the option is called context
  await breaker.call(() => 1, { contxt: {} });
  // @ts-expect-error a context is flat
  await breaker.call(() => 1, { context: { deep: { id: 1 } } });
  // @ts-expect-error execute wants a signal as call does
  await breaker.execute((own: AbortSignal) => own.aborted);

  const value: number = breaker.callSync(() => 1);
  const absent: undefined = breaker.callSync(() => undefined);
  const either: string | null = breaker.callSync((): string | null => null);
  void [value, absent, either];
  // @ts-expect-error the promise of an async function would go unseen
  breaker.callSync(async () => 1);
  // @ts-expect-error and so would any promise
  breaker.callSync(() => Promise.resolve(1));
  // @ts-expect-error fn takes nothing
  breaker.callSync((own: AbortSignal) => own.aborted);
}

export async function results(): Promise<void> {
  const result = await breaker.execute(async () => "text");
  same<typeof result, ExecuteResult<string>>(true);
  same<typeof result.outcome, "ok" | "latency" | "error" | "circuit-open">(true);
  same<typeof result.latencyMs, number>(true);
  same<typeof result.countedAs, CountedAs>(true);
  same<typeof result.latencyTripped, boolean>(true);
  // @ts-expect-error only some outcomes hold a value
  result.value;
  // @ts-expect-error results are readonly
  result.latencyMs = 0;
  switch (result.outcome) {
    case "ok":
      same<typeof result.value, string>(true);
      same<typeof result.latencyTripped, false>(true);
      // @ts-expect-error a call that returned threw nothing
      result.error;
      break;
    case "latency":
      same<typeof result.value, string>(true);
      same<typeof result.latencyTripped, true>(true);
      break;
    case "error":
      same<typeof result.error, unknown>(true);
      // @ts-expect-error a call that threw has no value
      result.value;
      break;
    case "circuit-open":
      same<typeof result.error, CircuitOpenError>(true);
      same<typeof result.reason, SkipReason>(true);
      same<typeof result.retryAfterMs, number | null>(true);
      // @ts-expect-error a refused call has no value
      result.value;
      break;
  }
}

export function permits(): void {
  const permit = breaker.admit();
  same<typeof permit, Permit | Refusal>(true);
  // @ts-expect-error a refusal cannot be settled
  permit.success();
  if (permit.ok) {
    permit.success();
    permit.success(5);
    permit.failure();
    permit.failure("anything", 5);
    permit.ignore();
    permit.cancel();
    permit.release();
    // @ts-expect-error a permit holds no error
    permit.error;
    // @ts-expect-error a latency is a number
    permit.success("5");
  } else same<typeof permit.error, CircuitOpenError>(true);
  breaker.recordSuccess(5);
  breaker.recordFailure(new Error("x"), 5);
  // @ts-expect-error a latency is a number
  breaker.recordSuccess("5");
}

export function reading(): void {
  same<typeof breaker.state, CircuitState>(true);
  same<typeof breaker.retryAfterMs, number | null>(true);
  const { stats } = breaker;
  same<typeof stats, BreakerStats>(true);
  same<(typeof stats.transitions)["open->half_open"], number>(true);
  same<typeof stats.lastFailureAtMs, number | null>(true);
  // @ts-expect-error the state is changed by control calls
  breaker.state = "open";
  // @ts-expect-error a name is for ever
  breaker.name = "other";
  // @ts-expect-error the bus is for ever
  breaker.bus = bus;
  // @ts-expect-error stats are readonly
  stats.calls.success = 0;
  // @ts-expect-error no breaker goes that way
  stats.transitions["closed->half_open"];
  // @ts-expect-error no call counts as that
  stats.calls.timeout;
}

export function making(): void {
  new CircuitBreaker("name");
  new CircuitBreaker("name", {});
  const options = {
    failureThreshold: 5,
    latencyTripMs: 10_000,
    cooldownMs: 60_000,
    halfOpen: { maxProbes: 2, successThreshold: 2, leaseMs: 1_000 },
    classify: (call) => (call.ok ? undefined : { outcome: "error", retryAfterMs: 5 }),
    clock: { monotonicMs: () => 0, epochMs: () => 0 },
    random: () => 0.5,
    bus: createEventBus({ instance: "pod" }),
    attributes: { region: "eu", tier: 1, canary: true, note: null },
  } satisfies CircuitBreakerOptions;
  new CircuitBreaker("name", options);
  // @ts-expect-error a breaker has a name
  new CircuitBreaker();
  // @ts-expect-error the option is called failureThreshold
  new CircuitBreaker("name", { failureTreshold: 5 });
  // @ts-expect-error a limit is a number
  new CircuitBreaker("name", { failureThreshold: "5" });
  // @ts-expect-error the option is called maxProbes
  new CircuitBreaker("name", { halfOpen: { probes: 5 } });
  // @ts-expect-error attributes are flat
  new CircuitBreaker("name", { attributes: { deep: {} } });
  // @ts-expect-error a bus has three methods
  new CircuitBreaker("name", { bus: { emit: () => {} } });
  // @ts-expect-error an option is left out, or given
  new CircuitBreaker("name", { cooldownMs: undefined });
  // @ts-expect-error the option is called instance
  createEventBus({ instanse: "pod" });

  breaker.forceOpen("reason", { forMs: 5 });
  breaker.reset("reason");
  breaker.disable();
  breaker.enable();
  // @ts-expect-error the option is called forMs
  breaker.forceOpen("reason", { forMS: 5 });
  // @ts-expect-error the reason comes first
  breaker.forceOpen({ forMs: 5 });
}

export function classifying(): Classify[] {
  // @ts-expect-error a call never counts as that
  const nonsense: Classify = () => "nonsense";
  // @ts-expect-error late is decided by the breaker alone
  const late: Classify = () => "late";
  // @ts-expect-error a classifier answers at once
  const async: Classify = async () => "ignored";
  const known: Classify = (call) => {
    if (call.ok) {
      same<typeof call.value, unknown>(true);
      // @ts-expect-error a call that returned threw nothing
      call.error;
      return "permanent";
    }
    // @ts-expect-error a call that threw has no value
    call.value;
    return { outcome: "latency" };
  };
  return [nonsense, late, async, known];
}

export function guards(error: unknown): void {
  if (isCircuitOpenError(error)) {
    same<typeof error, CircuitOpenError>(true);
    same<typeof error.code, "ERR_CIRCUIT_OPEN">(true);
    same<typeof error.name, "CircuitOpenError">(true);
    same<typeof error.retryAfterMs, number | null>(true);
    same<typeof error.incidentId, string | undefined>(true);
    // @ts-expect-error the facts of a refusal are readonly
    error.retryAfterMs = 5;
  }
  // @ts-expect-error anything else is unknown
  error.breaker;
  if (error instanceof CircuitOpenError) same<typeof error.reason, SkipReason>(true);
}
