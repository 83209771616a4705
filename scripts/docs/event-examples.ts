import {
  CircuitBreaker,
  createEventBus,
  type EventType,
  slowRate,
  type TelltaleEvent,
} from "../../src/index.ts";
import { broadRun } from "../../test/support/broad-run.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { pinoLines } from "./pino-lines.ts";

/** An event as it was told in a run of the library, and the line that pino printed of it. */
export interface EventExample {
  readonly event: TelltaleEvent;
  readonly line: string;
}

/**
 * An example of every event: of a story that reads like an outage where it has one, else of the run in which the tests
 * see every event. Both are real runs of the library under a fake clock, so that no example can be of an event that
 * the library does not tell, and the same each time.
 */
export async function eventExamples(): Promise<ReadonlyMap<EventType, EventExample>> {
  const examples = new Map<EventType, EventExample>();
  for (const events of [await broadRun(), await outage()]) {
    const best = new Map<EventType, EventExample>();
    const byKey = new Map(events.map((event) => [keyOf(event), event]));
    for (const line of pinoLines(events)) {
      const event = byKey.get(keyOf(JSON.parse(line)));
      if (event === undefined) throw new Error(`No event for the line ${line}`);
      const known = best.get(event.type);
      // The one that has most to show.
      if (known === undefined || fieldsIn(line) > fieldsIn(known.line)) {
        best.set(event.type, { event, line: line.trimEnd() });
      }
    }
    for (const [type, example] of best) examples.set(type, example);
  }
  return examples;
}

const fieldsIn = (line: string): number => Object.keys(JSON.parse(line)).length;

/** What tells an event from all others of its run. */
function keyOf(event: object): string {
  const { type, breaker, policy, seq, atMs, sink } = { ...event } as Readonly<
    Record<string, unknown>
  >;
  return JSON.stringify([type, breaker, policy, seq, atMs, sink]);
}

/** An outage of a language model as the breaker of one process tells it. */
async function outage(): Promise<TelltaleEvent[]> {
  const clock = new FakeClock();
  const bus = createEventBus({ instance: "api-7f9" });
  const events: TelltaleEvent[] = [];
  bus.on("circuit.*", (event) => void events.push(event));
  bus.on("bus.*", (event) => void events.push(event));
  const options = { bus, clock, random: () => 0.28, attributes: { region: "eu-1" } };
  const breaker = new CircuitBreaker("anthropic", {
    ...options,
    failureThreshold: 5,
    latencyTripMs: 10_000,
    shadow: slowRate({ latencyMs: 2_000, threshold: 0.5, window: { calls: 8 }, minimumCalls: 4 }),
    classify: (call) => {
      if (call.ok && call.value === "{") throw new SyntaxError("Unexpected end of JSON input");
      return undefined;
    },
  });
  let delivery = 8_100;
  const call = (tookMs: number, answer: () => unknown) =>
    breaker.execute(
      () => {
        clock.advance(tookMs);
        return answer();
      },
      { context: { deliveryId: `d-${++delivery}` } },
    );
  const overloaded = () => {
    throw Object.assign(new Error("529 overloaded"), {
      name: "OverloadedError",
      code: "overloaded",
    });
  };
  const reset = () => {
    throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
  };

  await call(812, () => "ok");
  await call(640, () => "{");
  // A call that is still under way when the breaker trips.
  const slow = breaker.admit();
  for (const answer of [overloaded, overloaded, reset]) await call(2_300, answer);
  await call(12_400, () => "ok");
  await call(5_100, overloaded);
  if (slow.ok) slow.success(31_000);
  for (let n = 0; n < 11; n++) {
    clock.advance(450);
    await call(0, () => "never runs");
  }
  clock.advance(60_000);
  await call(1_900, overloaded);
  clock.advance(61_500);
  await call(730, () => "ok");
  await breaker.execute(() => "never runs", {
    signal: AbortSignal.abort(),
    context: { deliveryId: "d-8140" },
  });
  breaker.disable();
  clock.advance(90_000);
  const off = bus.on(
    "circuit.enable",
    () => {
      throw new Error("ENOSPC: no space left on device");
    },
    { sink: "ndjson" },
  );
  breaker.enable();
  off();
  breaker.forceOpen("maintenance window", { forMs: 600_000 });
  await shedding();
  return events;

  /** Another breaker, which lets fewer calls pass before it trips. */
  async function shedding(): Promise<void> {
    const shed = new CircuitBreaker("gemini", { ...options, degradation: [1, 0.9, 0.7, 0.4, 0.1] });
    for (let n = 0; n < 3; n++) {
      shed.recordFailure(new Error("503 Service Unavailable"), 180);
      clock.advance(200);
    }
    shed.recordSuccess(240);
  }
}
