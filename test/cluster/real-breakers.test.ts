import fc from "fast-check";
import { expect, test } from "vitest";
import {
  BreakerRegistry,
  createEventBus,
  isCircuitOpenError,
  type TelltaleEvent,
} from "../../src/index.ts";
import { type Backplane, type Cluster, joinCluster, MemoryStore } from "../../src/redis/index.ts";
import { createReplay } from "../../src/report/index.ts";
import { VirtualTime } from "../support/virtual-time.ts";

// Whatever happens to a fleet of real registries, their events tell the truth and a reset is final. The rules of the
// protocol by themselves are checked in simulation/.

const NAMES = ["payments", "search"] as const;
const TASKS = 3;

const VERBS = [
  ...(["fail", "fail", "fail", "succeed", "call", "call"] as const),
  ...(["force", "force for", "reset", "disable", "enable"] as const),
  ...(["stall", "heal", "clear store", "leave the registry"] as const),
] as const;

const steps = fc.array(
  fc.record({
    verb: fc.constantFrom(...VERBS),
    task: fc.nat(TASKS - 1),
    name: fc.constantFrom(...NAMES),
    passMs: fc.constantFrom(0, 0, 1, 20, 300, 1_100, 4_000),
  }),
  { minLength: 1, maxLength: 60 },
);

interface Task {
  readonly registry: BreakerRegistry;
  readonly cluster: Cluster;
  readonly events: TelltaleEvent[];
  stalled: boolean;
}

function boot(name: string, time: VirtualTime, store: MemoryStore): Task {
  const bus = createEventBus({ instance: name });
  const events: TelltaleEvent[] = [];
  for (const pattern of ["circuit.*", "cluster.*"] as const) {
    bus.on(pattern, (event) => events.push(event));
  }
  const defaults = { failureThreshold: 2, cooldownMs: 1_000, clock: time, random: () => 0.5 };
  const registry = new BreakerRegistry({ bus, defaults });
  const real = store.backplane();
  const state = { stalled: false };
  const through = <T>(run: () => Promise<T>): Promise<T> =>
    state.stalled ? new Promise<T>(() => {}) : run();
  const backplane: Backplane = {
    ...real,
    connect: ({ message, ...listener }, namespace) => {
      const heard = (text: string) => {
        if (!state.stalled) message(text);
      };
      return through(() => real.connect({ ...listener, message: heard }, namespace));
    },
    reconnect: () => through(() => real.reconnect()),
    run: (operation) => through(() => real.run(operation)),
    publish: (text) => through(() => real.publish(text)),
  };
  const shared = { clock: time, timers: time, random: () => 0.5, task: name };
  const cluster = joinCluster(registry, backplane, shared);
  return Object.assign(state, { registry, cluster, events });
}

const BOOM = new Error("boom");

/** A breaker made anew begins with the same number, at the same moment, as the one before it. */
const LEFT_AND_BACK = (["force for", "leave the registry", "reset", "fail", "fail"] as const).map(
  (verb) => {
    const task = verb === "leave the registry" ? 1 : 0;
    return { verb, task, name: "search", passMs: 0 } as const;
  },
);

/** A call whose dependency is well: refused, or its value. */
async function call(task: Task, name: string): Promise<void> {
  try {
    expect(await task.registry.get(name).call(() => "value")).toBe("value");
  } catch (thrown) {
    if (!isCircuitOpenError(thrown)) throw thrown;
  }
}

test("a fleet of real registries: events tell every state, and a reset and a force are final, whatever came before", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const time = new VirtualTime();
      const store = new MemoryStore({ epochMs: () => time.epochMs() });
      const tasks = ["a", "b", "c"].map((name) => boot(name, time, store));
      await time.pass(20);
      for (const { verb, task: index, name, passMs } of sequence) {
        const task = tasks[index];
        if (task === undefined) continue;
        const breaker = task.registry.get(name);
        if (verb === "fail") breaker.recordFailure(BOOM);
        else if (verb === "succeed") breaker.recordSuccess();
        else if (verb === "call") await call(task, name);
        else if (verb === "force") breaker.forceOpen("by hand");
        else if (verb === "force for") breaker.forceOpen("for a while", { forMs: 500 });
        else if (verb === "reset") breaker.reset();
        else if (verb === "disable") breaker.disable();
        else if (verb === "enable") breaker.enable();
        else if (verb === "stall") task.stalled = true;
        else if (verb === "heal") task.stalled = false;
        else if (verb === "clear store") store.clear();
        else task.registry.delete(name);
        await time.pass(passMs);
      }
      for (const task of tasks) {
        task.stalled = false;
        for (const name of NAMES) task.registry.get(name).enable();
      }
      await time.pass(20_000);
      const [first, second] = tasks;
      if (first === undefined || second === undefined) throw new Error("There are three tasks");
      const states = () =>
        tasks.flatMap(({ registry }) => NAMES.map((name) => registry.get(name).state));
      const controls = async (run: (name: string) => Promise<unknown>) => {
        for (const name of NAMES) {
          expect(await time.until(run(name))).toMatchObject({ scope: "cluster" });
        }
        await time.pass(50);
      };
      await controls((name) => first.cluster.reset(name));
      expect(states()).toEqual(NAMES.flatMap(() => ["closed", "closed", "closed"]));
      await controls((name) => second.cluster.forceOpen(name));
      expect(states()).toEqual(NAMES.flatMap(() => Array(TASKS).fill("forced_open")));
      await controls((name) => first.cluster.reset(name));
      await time.pass(20_000);
      expect(states()).toEqual(NAMES.flatMap(() => Array(TASKS).fill("closed")));

      for (const { registry, events, cluster } of tasks) {
        const replay = createReplay();
        for (const event of events) {
          replay.add(event);
          if (!("state" in event)) continue;
          const told = replay.breaker(event.breaker, event.instance);
          expect(told?.state).toBe(event.state);
        }
        expect(replay.flawed).toBe(0);
        for (const name of NAMES) {
          const told = replay.breaker(name, cluster.status.task);
          if (told === null || told.restarts > 0) continue;
          const { transitions, skips, probes, trips } = registry.get(name).stats;
          expect(told.stats).toMatchObject({ transitions, skips, probes, trips });
        }
        await time.until(cluster.leave());
      }
      expect(time.pending).toBe(0);
    }),
    { numRuns: 150, examples: [[LEFT_AND_BACK]] },
  );
}, 120_000);
