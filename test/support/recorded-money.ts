import pino from "pino";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { CircuitBreaker, createEventBus, isSnapshotError } from "../../src/index.ts";
import { succeed } from "./breaker.ts";
import { clusterRun } from "./cluster-run.ts";
import { FakeClock } from "./fake-clock.ts";
import { ownerRun } from "./owner-run.ts";
import { quotaRun } from "./quota-run.ts";
import { stateRun } from "./state-run.ts";

/**
 * A day of a service as its log has it, in which a provider was out of quota, a budget was used up, a task was cut
 * off from its cluster, and stores and an owner failed: what the runbooks about those look for.
 */
export async function recordedMoney(): Promise<readonly string[]> {
  const lines: string[] = [];
  const logger = pino(
    { level: "info", base: { service: "checkout" } },
    { write: (line) => void lines.push(line) },
  );
  const clock = new FakeClock();
  const bus = createEventBus({ instance: "api-7" });
  const fleet = createEventBus({ instance: "api-8" });
  const detach = [logCircuitEvents(bus, logger), logCircuitEvents(fleet, logger)];
  quotaRun({ bus, clock });
  const breaker = new CircuitBreaker("payments", { bus, clock, quota: () => 60_000 });
  for (let n = 0; n < 3; n++) await breaker.execute(succeed);
  await clusterRun({ bus: fleet, attributes: {} });
  const kept = createEventBus({ instance: "api-9" });
  detach.push(logCircuitEvents(kept, logger));
  await stateRun(kept, {});
  await ownerRun({ bus: kept });
  try {
    new CircuitBreaker("payments", { bus: kept }).restore("cut", { source: "a backup" });
  } catch (error) {
    if (!isSnapshotError(error)) throw error;
  }
  for (const off of detach) off();
  return lines;
}
