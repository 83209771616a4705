import { expect } from "vitest";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { CircuitBreaker, createEventBus, type EventBus } from "../../src/index.ts";
import { memoryLog } from "../exporters/pino-destination.ts";
import { BOOM, failTimes, succeed } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { ownerRun } from "../support/owner-run.ts";
import { stateRun } from "../support/state-run.ts";
import { permitOf, refusalOf } from "../support/states.ts";

/**
 * A log that pino wrote in two processes. "payments" of instance a comes near a trip, trips on errors, fails a probe
 * and recovers after two minutes; that of b is forced open. "search" trips on slow calls, and its probe decides nothing.
 * One listener fails. A store fails and recovers, an owner does not answer for a while, a snapshot is rejected.
 */
export async function recordedLog(): Promise<readonly string[]> {
  const clock = new FakeClock();
  const { logger, written } = memoryLog({ level: "info", base: null });
  const offs: (() => void)[] = [];
  const busOf = (instance: string) => {
    const bus = createEventBus({ instance });
    offs.push(logCircuitEvents(bus, logger));
    return bus;
  };
  const [a, b] = [busOf("a"), busOf("b")];
  const common = { clock, failureThreshold: 3, latencyTripMs: 1_000 };
  const payments = new CircuitBreaker("payments", { ...common, bus: a });
  const forced = new CircuitBreaker("payments", { ...common, bus: b });
  const search = new CircuitBreaker("search", { ...common, bus: a });

  await failTimes(payments, 2);
  await payments.call(succeed);
  clock.advance(1_000);
  await failTimes(payments, 3);
  for (let n = 0; n < 5; n++) refusalOf({ breaker: payments });
  clock.advance(60_000);
  await failTimes(payments, 1);
  clock.advance(60_000);
  await payments.call(succeed);

  forced.forceOpen("maintenance");
  for (let n = 0; n < 3; n++) refusalOf({ breaker: forced });

  for (let n = 0; n < 3; n++) await search.execute(() => clock.advance(2_000));
  clock.advance(60_000);
  permitOf({ breaker: search }).ignore();

  a.on("circuit.disable", () => {
    throw BOOM;
  });
  payments.disable();
  await stateRun(only("state.*", b), {});
  await ownerRun({ bus: only("owner.*", b) });
  const restored = new CircuitBreaker("payments", { clock, bus: only("state.*", b) });
  expect(() => restored.restore("cut off")).toThrow("snapshot");
  // What the sampling still holds back is written as the log is detached.
  for (const off of offs) off();
  return written;
}

/** A bus of which only the events of one family go on. */
function only(family: "state.*" | "owner.*", target: EventBus): EventBus {
  const bus = createEventBus(target.instance === undefined ? {} : { instance: target.instance });
  bus.on(family, (event) => target.emit(event));
  return bus;
}
