import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recordEvents } from "../../../src/exporters/ndjson.ts";
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  createEventBus,
  type Permit,
} from "../../../src/index.ts";
import { FakeClock } from "../../support/fake-clock.ts";

/** What would become of a call that starts at a moment. */
export interface Health {
  readonly durationMs: number;
  readonly isError: boolean;
}

/** A call to the simulated dependency. */
export interface SimulatedCall extends Health {
  readonly atMs: number;
}

/** What really happened, by who made the calls. */
export interface Truth {
  readonly refused: number;
  readonly badPassed: number;
  readonly goodRefused: number;
  readonly incidents: number;
  /** The mean; null when nothing recovered. */
  readonly recoveryMs: number | null;
  readonly lines: readonly string[];
}

/** A sequence of numbers in [0, 1) that is the same for the same seed. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Calls at random moments, `perSecond` on the mean, to a dependency whose health depends on the moment. */
export function callsTo(
  health: (atMs: number, random: () => number) => Health,
  { perSecond, forMs, seed }: { perSecond: number; forMs: number; seed: number },
): readonly SimulatedCall[] {
  const random = chance(seed);
  const calls: SimulatedCall[] = [];
  for (let atMs = 0; atMs < forMs; atMs += (-Math.log(1 - random()) / perSecond) * 1_000) {
    calls.push({ atMs, ...health(atMs, random) });
  }
  return calls;
}

/** Makes the calls through a breaker in virtual time, records its events in a file, and counts for itself. */
export async function simulate(
  calls: readonly SimulatedCall[],
  options: CircuitBreakerOptions,
  { slowMs, instance }: { slowMs: number; instance?: string },
): Promise<Truth> {
  const folder = await mkdtemp(join(tmpdir(), "telltale-simulated-"));
  const path = join(folder, "events.ndjson");
  const clock = new FakeClock();
  const bus = createEventBus(instance === undefined ? {} : { instance });
  const breaker = new CircuitBreaker("payments", { ...options, clock, bus });
  const recoveries: number[] = [];
  let incidents = 0;
  breaker.on("circuit.close", ({ mttrMs }) => void recoveries.push(mttrMs));
  breaker.on("circuit.open", ({ from }) => {
    if (from === "closed") incidents++;
  });
  const detach = recordEvents(bus, path, { events: ["circuit.*"], bufferBytes: 1_000_000 });
  const counted = { refused: 0, badPassed: 0, goodRefused: 0 };
  const isBad = ({ isError, durationMs }: Health): boolean => isError || durationMs > slowMs;
  const underWay: {
    readonly endMs: number;
    readonly call: SimulatedCall;
    readonly permit: Permit;
  }[] = [];
  const endUntil = (untilMs: number): void => {
    for (;;) {
      const next = underWay[0];
      if (next === undefined || next.endMs > untilMs) return;
      underWay.shift();
      clock.nowMs = next.endMs;
      if (next.call.isError) next.permit.failure(new Error("down"));
      else next.permit.success();
    }
  };
  for (const call of calls) {
    endUntil(call.atMs);
    clock.nowMs = call.atMs;
    const permit = breaker.admit();
    if (permit.ok) {
      if (isBad(call)) counted.badPassed++;
      const endMs = call.atMs + call.durationMs;
      let at = underWay.length;
      while (at > 0 && (underWay[at - 1]?.endMs ?? 0) > endMs) at--;
      underWay.splice(at, 0, { endMs, call, permit });
    } else {
      counted.refused++;
      if (!isBad(call)) counted.goodRefused++;
    }
  }
  endUntil(Number.POSITIVE_INFINITY);
  detach();
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  await rm(folder, { recursive: true });
  return {
    ...counted,
    incidents,
    recoveryMs:
      recoveries.length === 0
        ? null
        : recoveries.reduce((sum, ms) => sum + ms, 0) / recoveries.length,
    lines,
  };
}
