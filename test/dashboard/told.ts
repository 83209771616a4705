import { Board } from "../../src/dashboard/board/board.ts";
import type { BoardBreaker } from "../../src/dashboard/board/board-breaker.ts";
import { viewOf } from "../../src/dashboard/board/board-view.ts";
import { BreakerReadings } from "../../src/exporters/sse-readings.ts";
import { takeSnapshot } from "../../src/exporters/sse-snapshot.ts";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  createEventBus,
  type TelltaleEvent,
} from "../../src/index.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A board that is told what a stream would tell of breakers under a fake clock. */
export function told(instance = "api-1") {
  const clock = new FakeClock();
  const bus = createEventBus({ instance });
  const board = new Board(["api"]);
  const breakers: CircuitBreaker[] = [];
  const tell = (name: string, data: unknown, source = 0) =>
    board.take(source, { name, data: JSON.stringify(data) }, clock.epochMs());
  bus.on("circuit.*", (event: TelltaleEvent) => tell(event.type, event));
  const readings = new BreakerReadings(() => breakers);
  let reading = 0;
  return {
    clock,
    bus,
    board,
    tell,
    breaker(name: string, options: CircuitBreakerOptions = {}) {
      const made = new CircuitBreaker(name, { clock, bus, cooldownMs: 10_000, ...options });
      breakers.push(made);
      return made;
    },
    remove: (breaker: CircuitBreaker) => void breakers.splice(breakers.indexOf(breaker), 1),
    snapshot: () => tell("snapshot", at(clock, takeSnapshot(breakers))),
    read() {
      readings.take();
      const [, data = ""] = /^data: (.*)$/m.exec(readings.messageSince(reading)) ?? [];
      reading = readings.count;
      const message = at(clock, JSON.parse(data));
      tell("readings", message);
      return message;
    },
    view: (wanted = {}) =>
      viewOf(board, { search: "", standing: null, ...wanted }, clock.epochMs()),
    /** The only breaker of a name. */
    of(name: string): BoardBreaker {
      const found = [...board.breakers()].filter((breaker) => breaker.name === name);
      if (found.length !== 1 || found[0] === undefined) {
        throw new Error(`${found.length} breakers are called ${name}`);
      }
      return found[0];
    },
  };
}

/** A message as it would be if the endpoint had the fake clock, too. */
function at<T extends { atMs: number }>(clock: FakeClock, message: T): T {
  const text = JSON.stringify(message, (key, value: unknown) => {
    if ((key !== "atMs" && key !== "retryAtMs") || typeof value !== "number") return value;
    // The endpoint reads its clock more than once; under the fake one all is said in whole seconds, at one moment.
    return clock.epochMs() + Math.round((value - message.atMs) / 1_000) * 1_000;
  });
  // Only numbers were moved.
  return JSON.parse(text) as T;
}
