import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  CircuitBreaker,
  createEventBus,
  EVENTS,
  type EventBus,
  type EventType,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { forged } from "../support/forged.ts";
import { type Totals, totalsOfStats } from "./totals.ts";
import { type Destination, type ExporterEntry, NAME } from "./under-test.ts";

/** A breaker on a bus of its own, and a listener beside the exporter when it is wanted. */
export interface World {
  readonly clock: FakeClock;
  readonly bus: EventBus;
  readonly breaker: CircuitBreaker;
}

export function makeWorld(): World {
  const clock = new FakeClock();
  const bus = createEventBus();
  const options = { failureThreshold: 2, latencyTripMs: 500, cooldownMs: 1000, random: () => 0 };
  return { clock, bus, breaker: new CircuitBreaker(NAME, { clock, bus, ...options }) };
}

/** Makes calls with every outcome and every way to open, always the same; returns how each of them ended. */
export function live({ breaker, clock }: World, calls: number): string[] {
  const ends: string[] = [];
  for (let n = 0; n < calls; n++) {
    clock.advance(n % 7 === 0 ? 250 : 0);
    if (n % 20_011 === 500) breaker.forceOpen("drill", { forMs: 3000 });
    if (n % 30_011 === 900) breaker.reset("drill over");
    const permit = breaker.admit();
    if (!permit.ok) {
      ends.push(permit.error.reason);
      continue;
    }
    if (n % 11 < 2) permit.failure(BOOM);
    else if (n % 29 < 2) permit.success(900);
    else if (n % 101 === 6) permit.ignore();
    else if (n % 103 === 7) permit.cancel();
    else permit.success(10);
    ends.push(`${breaker.state} after ${breaker.stats.consecutiveFailures}`);
  }
  return ends;
}

const CALLS = 2000;

/** What must be the same with and without an exporter. */
function lived(world: World) {
  const told: string[] = [];
  world.bus.on("circuit.*", ({ type, seq }) => void told.push(`${seq} ${type}`));
  const ends = live(world, CALLS);
  return { ends, told, stats: world.breaker.stats };
}

/** Events that the bus says were not taken. */
function countLost({ bus }: World, sink: string): () => number {
  let lost = 0;
  bus.on("bus.*", (event: TelltaleEvent) => {
    if ("sink" in event && event.sink === sink && "count" in event) lost += Number(event.count);
  });
  return () => lost;
}

const sum = (counts: Readonly<Record<string, number>>) =>
  Object.values(counts).reduce((total, count) => total + count, 0);
/** Calls and refusals, each of which is one event. */
const callsAndSkips = ({ calls, skips }: Totals) => sum(calls) + skips;

const unhandled = vi.fn();
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Tries what every exporter has to be: harmless, complete, and gone when it is detached. */
export function exporterContract(entry: ExporterEntry): void {
  const { sink, tells } = entry;
  let world: World;
  let destination: Destination;
  const attach = () => destination.attach([world.breaker], world.bus);
  const heard = () => (Object.keys(EVENTS) as EventType[]).filter((type) => world.bus.has(type));

  beforeEach(() => {
    unhandled.mockClear();
    process.on("unhandledRejection", unhandled);
    world = makeWorld();
    destination = entry.open();
  });
  afterEach(() => {
    process.off("unhandledRejection", unhandled);
  });

  /** What the destination says when everything has been written. */
  async function totalsAtEnd(detach: () => unknown): Promise<Totals> {
    if (tells === "events") await detach();
    const totals = await destination.totals();
    if (tells === "numbers") await detach();
    return totals;
  }

  describe(`${entry.name}: the contract of exporters`, () => {
    test("before the first call it shows zeros, or has told nothing", async () => {
      attach();
      if (tells === "events") expect(await destination.size()).toBe(0);
      else expect(await destination.size()).toBeGreaterThan(40);
      expect(await destination.totals()).toEqual(totalsOfStats(world.breaker.stats));
      expect(callsAndSkips(await destination.totals())).toBe(0);
    });

    test("says what the breaker counts, and changes nothing of it", async () => {
      const without = lived(makeWorld());
      const detach = attach();
      expect(lived(world)).toEqual(without);
      expect(await totalsAtEnd(detach)).toEqual(totalsOfStats(world.breaker.stats));
    });

    test("says what the breaker counts when nobody else listens", async () => {
      const detach = attach();
      live(world, CALLS);
      expect(await totalsAtEnd(detach)).toEqual(totalsOfStats(world.breaker.stats));
    });

    test.each(entry.ways)(
      "a destination that %s harms no call and no listener, and is counted",
      async (how) => {
        const without = lived(makeWorld());
        const detach = attach();
        const lost = countLost(world, sink);
        destination.fail(how);
        expect(lived(world)).toEqual(without);
        await settled();
        expect(unhandled).not.toHaveBeenCalled();
        expect(lost()).toBeGreaterThan(0);
        destination.fail(null);
        const size = await destination.size();
        live(world, CALLS);
        expect(await destination.size()).toBeGreaterThanOrEqual(size);
        const expected = totalsOfStats(world.breaker.stats);
        const totals = await totalsAtEnd(detach);
        if (tells === "numbers") expect(totals).toEqual(expected);
        // What is neither told nor counted as lost would be lost in silence.
        expect(callsAndSkips(totals) + lost()).toBeGreaterThanOrEqual(callsAndSkips(expected));
        expect(callsAndSkips(totals)).toBeLessThanOrEqual(callsAndSkips(expected));
        expect(callsAndSkips(totals)).toBeGreaterThan(0);
      },
    );

    test("a destination that takes its time keeps nobody waiting", async () => {
      const detach = attach();
      const lost = countLost(world, sink);
      const release = destination.stall();
      const ends: unknown[] = [];
      for (let n = 0; n < 50; n++) {
        ends.push((await world.breaker.execute(() => n)).outcome);
        if (n === 20) world.breaker.forceOpen();
      }
      expect(new Set(ends)).toEqual(new Set(["ok", "circuit-open"]));
      release();
      const expected = callsAndSkips(totalsOfStats(world.breaker.stats));
      expect(expected).toBe(50);
      const told = callsAndSkips(await totalsAtEnd(detach));
      expect(told).toBeLessThanOrEqual(expected);
      expect(told + lost()).toBeGreaterThanOrEqual(expected);
    });

    test("the detach ends every subscription, and is harmless twice", async () => {
      const detach = attach();
      expect(heard()).not.toEqual([]);
      live(world, 100);
      await detach();
      expect(heard()).toEqual([]);
      const size = await destination.size();
      live(world, 100);
      await detach();
      if (tells === "events") expect(await destination.size()).toBe(size);
      expect(heard()).toEqual([]);
    });

    test("the detach inside a listener disturbs no other", async () => {
      const without = lived(makeWorld());
      let detach: () => unknown = () => {};
      world.bus.on("circuit.open", () => void detach());
      detach = attach();
      expect(lived(world)).toEqual(without);
    });

    test("attached again it goes on, and tells nothing twice", async () => {
      await (async () => {
        const detach = attach();
        live(world, CALLS);
        await totalsAtEnd(detach);
      })();
      const before = totalsOfStats(world.breaker.stats);
      live(world, CALLS);
      const between = totalsOfStats(world.breaker.stats);
      const detach = attach();
      live(world, CALLS);
      const totals = await totalsAtEnd(detach);
      const after = totalsOfStats(world.breaker.stats);
      if (tells === "numbers") expect(totals).toEqual(after);
      else {
        // What happened in between was told to nobody.
        const missed = callsAndSkips(between) - callsAndSkips(before);
        expect(callsAndSkips(totals)).toBe(callsAndSkips(after) - missed);
      }
    });

    // What tells events tells them once for each attachment, as loggers do.
    if (tells === "numbers") {
      test("attached twice it counts once, until the last detach", async () => {
        const detach = attach();
        const again = attach();
        live(world, CALLS);
        await detach();
        expect(await destination.totals()).toEqual(totalsOfStats(world.breaker.stats));
        await again();
        expect(heard()).toEqual([]);
      });
    }

    test("what is no event of ours harms neither the bus nor the breaker", async () => {
      const detach = attach();
      const junk: object[] = [
        { type: "circuit.skip" },
        { type: "circuit.open", breaker: "somebody else's", seq: "one", error: 5, window: 7 },
        { type: "bus.listener_failed", sink: 7, count: "many" },
      ];
      for (const event of junk) {
        expect(() => world.bus.emit(forged(event))).not.toThrow();
      }
      live(world, CALLS);
      expect(await totalsAtEnd(detach)).toEqual(totalsOfStats(world.breaker.stats));
      await settled();
      expect(unhandled).not.toHaveBeenCalled();
    });
  });
}
