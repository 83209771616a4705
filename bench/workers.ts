import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { OwnerAnswer, OwnerNamespace, OwnerRequest } from "../src/workers/index.ts";
import { awaitEach, nsPerCall } from "./measure.ts";
import type { Bench, Question } from "./question.ts";
import { asyncFn, isValue, telltale } from "./subject.ts";

type Workers = typeof import("../src/workers/index.ts");

/** How long the owner takes to answer: another machine of the same place. */
const ANSWER_MS = 5;

const verdict = (state: "closed" | "open"): OwnerAnswer["breakers"][string] => ({
  state,
  generation: 1,
  retryAfterMs: state === "closed" ? 0 : 3_600_000,
  trafficShare: state === "closed" ? 1 : 0,
  shedAs: "degraded",
  openMs: 0,
  skipsSinceOpened: 0,
  incidentId: null,
  consecutiveFailures: 0,
  latencyTripMs: 1_000,
});

/** An owner that always says the same. */
function namespaceOf(state: "closed" | "open"): OwnerNamespace {
  const answer = async (request: OwnerRequest): Promise<OwnerAnswer> => {
    await sleep(ANSWER_MS);
    return {
      kind: "telltale.owner",
      v: 1,
      owner: "openai",
      takenAtMs: Date.now(),
      breakers: { chat: verdict(state) },
      exhausted: [],
      denied: [],
      permit: null,
      reservation: null,
      unreserved: null,
      recorded: request.spends.map(({ id }) => ({
        id,
        counted: true,
        nanoUsd: 1,
        priced: true,
        refused: null,
      })),
    };
  };
  const control = async (): Promise<never> => {
    throw new Error("Nobody acts on it");
  };
  return { getByName: () => ({ ask: answer, report: answer, control, status: control }) };
}

const lifetime = { waitUntil: (_: Promise<unknown>): void => {} };

async function connected({ buildDir }: Bench, state: "closed" | "open") {
  const { connectOwner }: Workers = await import(
    pathToFileURL(join(buildDir, "workers", "index.js")).href
  );
  const connection = connectOwner("openai", { random: () => 0.5 });
  const namespace = namespaceOf(state);
  return { connection, within: () => connection.within({ namespace, lifetime }) };
}

/** What a call costs that an isolate admits by its owner's last answer. */
export const ownedCalls: Question = {
  title: "A call on Workers, admitted by the owner's last answer",
  unit: "ns",
  reference: "owned/breaker",
  note: "Each call is of a request of its own (`within`), checked, timed and queued for the next report; `execute` in all.",
  cells: [
    {
      id: "owned/breaker",
      label: "a breaker of the isolate, latencyTripMs",
      async measure(bench) {
        const { CircuitBreaker } = await telltale(bench);
        const breaker = new CircuitBreaker("chat", { latencyTripMs: 1_000 });
        const once = () => breaker.execute(asyncFn);
        return nsPerCall(
          awaitEach(once, (result) => result.outcome === "ok" && isValue(result.value)),
          bench.effort,
        );
      },
    },
    {
      id: "owned/closed",
      label: "an owned provider, closed",
      async measure(bench) {
        const { within } = await connected(bench, "closed");
        const once = () => within().execute("chat", asyncFn);
        return nsPerCall(
          awaitEach(once, (result) => result.outcome === "ok" && isValue(result.value)),
          bench.effort,
        );
      },
    },
    {
      id: "owned/open",
      label: "an owned provider, open",
      async measure(bench) {
        const { within } = await connected(bench, "open");
        const once = () => within().execute("chat", asyncFn);
        return nsPerCall(
          awaitEach(once, ({ outcome }) => outcome === "circuit-open"),
          bench.effort,
        );
      },
    },
  ],
};

/** How many calls have to wait for the owner. */
export const ownedWaits: Question = {
  title: "Calls on Workers that wait for their owner, of an isolate under load",
  unit: "%",
  note: "500 calls a second that each take 20 ms and cost something, for 20 times the usual time; the owner answers after 5 ms. The first calls of the isolate are among them.",
  cells: [
    {
      id: "owned/waits",
      label: "calls that waited",
      targets: [{ kind: "absolute", atMost: 1 }],
      limitMs: 120_000,
      async measure(bench) {
        const { connection, within } = await connected(bench, "closed");
        const spend = () => ({ provider: "openai", model: "gpt-5", tokens: { output: 1 } });
        const slow = async () => sleep(20);
        const untilMs = performance.now() + 20 * bench.effort.measureMs;
        const calls: Promise<unknown>[] = [];
        while (performance.now() < untilMs) {
          for (let n = 0; n < 5; n++) calls.push(within().execute("chat", slow, { spend }));
          await sleep(10);
        }
        await Promise.all(calls);
        const { admissions, waited } = connection.stats;
        return (100 * waited) / admissions;
      },
    },
  ],
};
