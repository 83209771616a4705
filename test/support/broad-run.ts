import { DropReport } from "../../src/events/drop-report.ts";
import {
  BreakerRegistry,
  CircuitBreaker,
  createEventBus,
  type EventBus,
  failureRate,
  slowRate,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM, deferred, fail, failTimes, succeed } from "./breaker.ts";
import { clusterRun } from "./cluster-run.ts";
import { FakeClock, START_AT_MS } from "./fake-clock.ts";
import { ownerRun } from "./owner-run.ts";
import { policyRun } from "./policy-run.ts";
import { quotaRun } from "./quota-run.ts";
import { stateRun } from "./state-run.ts";
import { permitOf, refusalOf } from "./states.ts";

export const BROAD_ATTRIBUTES = { region: "eu-1", tier: 2, canary: false, note: null };
export const BROAD_CONTEXT = { delivery: "d-1", attempt: 3 };

/** A run that tells every type of event at least once, with every optional field somewhere; the same each time. */
export async function broadRun(): Promise<TelltaleEvent[]> {
  const clock = new FakeClock();
  const bus = createEventBus({ instance: "api-7f9" });
  const events: TelltaleEvent[] = [];
  bus.on("circuit.*", (event) => events.push(event));
  bus.on("bus.*", (event) => events.push(event));
  bus.on("retry.*", (event) => events.push(event));
  bus.on("timeout.*", (event) => events.push(event));
  bus.on("fallback.*", (event) => events.push(event));
  bus.on("policy.*", (event) => events.push(event));
  bus.on("registry.*", (event) => events.push(event));
  bus.on("quota.*", (event) => events.push(event));
  bus.on("budget.*", (event) => events.push(event));
  bus.on("cluster.*", (event) => events.push(event));
  bus.on("state.*", (event) => events.push(event));
  bus.on("owner.*", (event) => events.push(event));
  bus.on("circuit.enable", () => {
    throw BOOM;
  });
  const breaker = new CircuitBreaker("dependency", {
    bus,
    clock,
    failureThreshold: 3,
    latencyTripMs: 100,
    random: () => 0.25,
    cooldownMs: 1_000,
    halfOpen: { maxProbes: 2, successThreshold: 2, leaseMs: 500 },
    attributes: BROAD_ATTRIBUTES,
    classify: (call) => {
      if (call.ok && call.value === "unclear") throw new RangeError("unclear");
      return undefined;
    },
  });
  const watched = { breaker };
  const options = { context: BROAD_CONTEXT };

  await breaker.call(succeed, options);
  await breaker.call(() => "unclear", options);
  await breaker.execute(fail, options);
  await breaker.execute(() => clock.advance(101), options);
  await breaker.execute(fail, { ...options, signal: AbortSignal.abort() });
  const late = permitOf(watched);
  const overtaken = deferred<string>();
  const overtakenResult = breaker.execute(() => overtaken.promise, options);
  await breaker.execute(() => Promise.reject(Object.assign(new Error("reset"), { code: -104 })));
  late.success(12);
  overtaken.resolve("late");
  await overtakenResult;
  await breaker.execute(succeed, options);
  breaker.recordFailure();
  clock.advance(1_250.5);
  permitOf(watched).ignore();
  permitOf(watched);
  permitOf(watched);
  refusalOf(watched);
  clock.advance(500);
  await failTimes(breaker, 1);
  clock.advance(1_000);
  const orphan = permitOf(watched);
  breaker.forceOpen("hold", { forMs: 50 });
  breaker.forceOpen("hold on");
  breaker.forceOpen(undefined, { forMs: 50 });
  orphan.failure(BOOM);
  refusalOf(watched);
  clock.advance(60);
  await breaker.call(succeed, options);
  await breaker.call(() => "unclear", options);
  breaker.recordSuccess();
  breaker.recordFailure();
  breaker.forceOpen();
  breaker.forceOpen("said later");
  refusalOf(watched);
  breaker.reset("go on");
  breaker.disable();
  await breaker.execute(fail, options);
  await failTimes(breaker, 2);
  breaker.enable();
  breaker.reconfigure({ failureThreshold: 4, latencyTripMs: null, classify: null });
  breaker.forceOpen();
  breaker.reconfigure({ halfOpen: { leaseMs: 600 } });
  await degradedRun({ bus, clock });
  restoredRun({ bus, clock });
  await stateRun(bus, BROAD_ATTRIBUTES);
  await policyRun(bus, BROAD_CONTEXT);
  droppingRun(bus);
  registryRun({ bus, clock });
  quotaRun({ bus, clock });
  await clusterRun({ bus, attributes: BROAD_ATTRIBUTES });
  await ownerRun({ bus });
  return events;
}

/** Destinations that lose events, because they are full and because something fails. */
function droppingRun(bus: EventBus): void {
  const lost = { type: "circuit.skip", atMs: START_AT_MS + 120_000 };
  new DropReport(bus, "stream").add(lost);
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
  });
  new DropReport(bus, "ndjson").add(lost, 2, { value: full });
}

/** A registry with room for one breaker, which makes room, is deleted in an incident, and cannot make room. */
function registryRun({ bus, clock }: { bus: EventBus; clock: FakeClock }): void {
  const defaults = { clock, attributes: BROAD_ATTRIBUTES, random: () => 0.75 };
  const registry = new BreakerRegistry({ bus, defaults, limit: 1 });
  registry.get("first");
  registry.get("second").forceOpen();
  registry.get("third");
  registry.delete("second");
}

/** Breakers that go on from snapshots, and some that cannot be used. */
export function restoredRun({ bus, clock }: { bus: EventBus; clock: FakeClock }): void {
  const defaults = { clock, random: () => 0.5 };
  const before = new CircuitBreaker("restored", { ...defaults, failureThreshold: 1 });
  const well = new CircuitBreaker("idle", defaults).serialize();
  before.recordFailure(BOOM);
  clock.advance(1_500);
  const snapshot = before.serialize();
  clock.advance(2_500);
  const given = { ...defaults, bus, attributes: BROAD_ATTRIBUTES };
  const breaker = new CircuitBreaker("restored", given);
  breaker.restore(snapshot, { source: "disk" });
  breaker.restore(snapshot);
  new CircuitBreaker("idle", given).restore(well);
  for (const restore of [
    () => breaker.restore(snapshot.replace(/"reopens":0/, '"reopens":-1'), { source: "disk" }),
    () => new BreakerRegistry({ bus, defaults }).restore(["{"]),
  ]) {
    clock.advance(1);
    try {
      restore();
    } catch {
      // What is wrong with it is told.
    }
  }
}

/** A breaker without a threshold of its own, which sheds traffic and has a candidate rule. */
async function degradedRun(shared: { bus: EventBus; clock: FakeClock }): Promise<void> {
  const breaker = new CircuitBreaker("degraded", {
    ...shared,
    attributes: BROAD_ATTRIBUTES,
    degradation: [1, 0.5, 0.25],
    trip: failureRate({ threshold: 0.5, window: { calls: 20 }, minimumCalls: 8 }),
    shadow: slowRate({ latencyMs: 10, threshold: 0.5, window: { calls: 4 }, minimumCalls: 2 }),
    random: () => 0.1,
  });
  await failTimes(breaker, 2);
  await breaker.execute(() => shared.clock.advance(20));
  breaker.recordSuccess(20);
}
