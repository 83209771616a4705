import pino from "pino";
import { Registry } from "prom-client";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  createEventBus,
  type EventBus,
} from "../../src/index.ts";
import { deferred, failTimes } from "./breaker.ts";
import { FakeClock } from "./fake-clock.ts";

/** One process of the service, with its log and its metrics. */
interface Process {
  readonly bus: EventBus;
  readonly clock: FakeClock;
  readonly breaker: CircuitBreaker;
  readonly registry: Registry;
}

const SECOND = 1_000;
const refused = () =>
  Promise.reject(
    Object.assign(new Error("connect ECONNREFUSED 10.0.0.7:443"), { code: "ECONNREFUSED" }),
  );
const succeed = () => Promise.resolve("paid");

/**
 * A night of a service called `checkout`, with a breaker called `payments`, as its log has it: pino's lines at the
 * level `info`, each process with the name it has on its bus, mixed with lines of something else. Everything that a
 * runbook looks for happens in it.
 */
export async function recordedNight(): Promise<readonly string[]> {
  const lines: string[] = ["checkout: listening on 8080\n", "42\n", "null\n"];
  const logger = pino(
    { level: "info", base: { service: "checkout" } },
    { write: (line) => void lines.push(line) },
  );
  const detach: (() => void)[] = [];
  const clock = new FakeClock();
  const start = (instance: string, options: CircuitBreakerOptions = {}): Process => {
    const bus = createEventBus({ instance });
    detach.push(logCircuitEvents(bus, logger));
    const breaker = new CircuitBreaker("payments", {
      ...{ bus, clock, cooldownMs: 30 * SECOND, latencyTripMs: 2 * SECOND },
      ...options,
    });
    const registry = new Registry();
    exportToPrometheus(breaker, registry);
    return { bus, clock, breaker, registry };
  };
  await errors(start("api-1"));
  await slowness(start("api-2"));
  await operator(start("api-3"));
  await permanentFailure(
    start("api-4", { classify: (call) => (call.ok ? undefined : "permanent") }),
  );
  await flapping(
    start("api-5", {
      rampUp: { durationMs: 60 * SECOND },
      degradation: [1, 0.9, 0.7, 0.4, 0.1],
      random: () => 0.95,
    }),
  );
  await ownFaults(
    start("api-6", {
      classify: () => {
        throw new TypeError("Cannot read properties of undefined (reading 'status')");
      },
    }),
  );
  for (const off of detach) off();
  return lines.filter((line) => line !== lost(lines));
}

/** One line did not reach the log: a full disk, for a moment. */
function lost(lines: readonly string[]): string | undefined {
  return lines.find((line) => line.includes('"circuit.probe"'));
}

/** Refuses `calls` calls, one each 100 ms. */
async function refuse({ breaker, clock }: Process, calls: number): Promise<void> {
  for (let n = 0; n < calls; n++) {
    clock.advance(100);
    await breaker.execute(succeed);
  }
}

/** Two failures that came to nothing, then an outage: the first probe fails, the second one closes. */
async function errors(process: Process): Promise<void> {
  const { breaker, clock } = process;
  for (let n = 0; n < 2; n++) await breaker.execute(refused);
  await breaker.execute(succeed);
  for (let n = 0; n < 5; n++) await breaker.execute(refused);
  await refuse(process, 100);
  clock.advance(30 * SECOND);
  await breaker.execute(refused);
  await refuse(process, 20);
  clock.advance(30 * SECOND);
  await breaker.execute(succeed);
}

/** Slow answers; then a probe that hangs, one that is cancelled, ten minutes without a call, and a good one. */
async function slowness(process: Process): Promise<void> {
  const { breaker, clock } = process;
  for (let n = 0; n < 4; n++) await breaker.execute(() => clock.advance(2_500));
  await breaker.execute(() => {
    clock.advance(3_000);
    throw new DOMException("The operation was aborted due to timeout", "TimeoutError");
  });
  await refuse(process, 10);
  clock.advance(30 * SECOND);
  const hung = deferred<string>();
  const hanging = breaker.execute(() => hung.promise);
  await refuse(process, 5);
  clock.advance(60 * SECOND);
  breaker.admit();
  await refuse(process, 2);
  clock.advance(60 * SECOND);
  const permit = breaker.admit();
  if (permit.ok) permit.cancel();
  hung.resolve("much too late");
  await hanging;
  await breaker.execute(() => clock.advance(2_500));
  clock.advance(600 * SECOND);
  await breaker.execute(succeed);
}

/** An operator forces it open and resets it, later disables it, and forgets that. */
async function operator(process: Process): Promise<void> {
  const { breaker, clock } = process;
  breaker.forceOpen("database migration");
  await refuse(process, 3);
  clock.advance(300 * SECOND);
  breaker.reset("migration over");
  breaker.forceOpen("partner's maintenance", { forMs: 600 * SECOND });
  await refuse(process, 1);
  breaker.reset("done early");
  breaker.disable();
  await failTimes(breaker, 5);
}

/** Revoked credentials: forced open, without an end. */
async function permanentFailure(process: Process): Promise<void> {
  await process.breaker.execute(() => Promise.reject(new Error("401: key revoked")));
  await refuse(process, 3);
}

/** Opens and closes again and again; the traffic comes back bit by bit. */
async function flapping(process: Process): Promise<void> {
  const { breaker, clock } = process;
  for (let round = 0; round < 3; round++) {
    while (breaker.state === "closed") breaker.recordFailure(new Error("503"));
    await refuse(process, 2);
    clock.advance(30 * SECOND);
    await breaker.execute(succeed);
    await refuse(process, 2);
    clock.advance(120 * SECOND);
  }
}

/** A classifier that throws, a listener that throws. */
async function ownFaults({ breaker, bus }: Process): Promise<void> {
  bus.on(
    "circuit.failure",
    () => {
      throw new Error("the audit table is full");
    },
    { sink: "audit" },
  );
  await breaker.execute(refused);
}
