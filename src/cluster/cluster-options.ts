import type { Clock } from "../core/clock.ts";
import { Check } from "../events/check.ts";
import type { EventBus } from "../events/event-bus.ts";
import { platformClock, platformRandom, platformTimers, type Timers } from "../platform.ts";
import type { Quorum } from "./operation.ts";
import { ALL_PROTECTIONS } from "./protections.ts";
import type { QuotaMark, SharedQuota } from "./shared-quota.ts";
import { LONGEST_OPEN_MS } from "./store-rules.ts";
import type { TaskSettings } from "./task-settings.ts";
import { LONGEST_TASK } from "./wire.ts";

/** Options of {@link joinCluster}. Unknown keys are refused. */
export interface ClusterOptions {
  /**
   * Tells clusters apart that use one store.
   * @default "default"
   */
  readonly namespace?: string;
  /**
   * The id of this task, another one after each start of the process.
   * @default the instance of the registry's bus, or "task", with chance digits
   */
  readonly task?: string;
  /**
   * Whose failures open the fleet: those of any task, or of so many tasks within a time of the store's clock. Forced
   * opens and quota marks always travel at once.
   * @default "any"
   */
  readonly open?: "any" | Quorum;
  /**
   * Time between beats, in milliseconds. After three that did not come back the task is on its own.
   * @default 1_000
   */
  readonly heartbeatMs?: number;
  /**
   * Time between readings of the store, in milliseconds, give or take a fifth.
   * @default 5_000
   */
  readonly reconcileMs?: number;
  /**
   * After so many milliseconds an operation has failed.
   * @default 250
   */
  readonly deadlineMs?: number;
  /**
   * How long one task may probe for the fleet, in milliseconds.
   * @default 10_000
   */
  readonly probeLeaseMs?: number;
  /**
   * The longest open window after failures that is taken from a peer, in milliseconds; at most a day. What is forced
   * open keeps its end, which the store puts no further than a day ahead.
   * @default 3_600_000
   */
  readonly longestOpenMs?: number;
  /**
   * Tasks on their own spread their probes over so many milliseconds.
   * @default 1_000
   */
  readonly probeJitterMs?: number;
  /**
   * The most names without a breaker here whose state is remembered.
   * @default 10_000
   */
  readonly nameLimit?: number;
  /**
   * Shares the marks of an `ExhaustionRegistry`: what is marked or cleared in one task is so in all. Marks that were
   * made before are not told.
   * @default none
   */
  readonly quota?: SharedQuota;
  /** Takes the quota marks of the fleet. What it throws is swallowed. */
  readonly onQuota?: (mark: QuotaMark) => void;
  /**
   * Where the time comes from.
   * @default the platform's clocks
   */
  readonly clock?: Clock;
  /**
   * What waits.
   * @default the host's timers
   */
  readonly timers?: Timers;
  /**
   * Where chance comes from: a number in [0, 1).
   * @default Math.random
   */
  readonly random?: () => number;
}

/** The options after the check. */
export interface ClusterSettings extends TaskSettings {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly quota: SharedQuota | undefined;
  readonly onQuota: ((mark: QuotaMark) => void) | undefined;
}

const KEYS = [
  "namespace",
  "task",
  "open",
  "heartbeatMs",
  "reconcileMs",
  "deadlineMs",
  "probeLeaseMs",
  "longestOpenMs",
  "probeJitterMs",
  "nameLimit",
  "quota",
  "onQuota",
  "clock",
  "timers",
  "random",
] as const satisfies readonly (keyof ClusterOptions)[];
/** The most characters that the namespace of a cluster may have. */
export const LONGEST_NAMESPACE = 64;
const LONGEST_INSTANCE_PART = 96;

/** @throws {TypeError|RangeError} when an option is unknown, of the wrong type or outside its range */
export function clusterSettings(options: unknown, bus: EventBus): ClusterSettings {
  const check = new Check("join cluster");
  const given: ClusterOptions = check.object("options", options);
  check.keys(given, KEYS);
  const ms = (field: keyof ClusterOptions, value: number | undefined, fallback: number): number =>
    value === undefined ? fallback : check.positiveMs(field, value);
  const {
    namespace,
    task,
    nameLimit,
    quota,
    onQuota,
    clock,
    timers,
    random = platformRandom,
  } = given;
  check.function("random", random);
  if (quota !== undefined) {
    check.function("quota.follow", check.object("quota", quota)["follow"]);
    check.function("quota.adopt", quota.adopt);
  }
  if (onQuota !== undefined) check.function("onQuota", onQuota);
  const longestOpenMs = ms("longestOpenMs", given.longestOpenMs, 3_600_000);
  if (longestOpenMs > LONGEST_OPEN_MS) {
    check.range("longestOpenMs", `at most ${LONGEST_OPEN_MS}`, longestOpenMs);
  }
  return {
    namespace:
      namespace === undefined ? "default" : check.text("namespace", namespace, LONGEST_NAMESPACE),
    self: task === undefined ? taskId(bus, random) : check.text("task", task, LONGEST_TASK),
    quorum: quorumOf(check, given.open),
    heartbeatMs: ms("heartbeatMs", given.heartbeatMs, 1_000),
    reconcileMs: ms("reconcileMs", given.reconcileMs, 5_000),
    deadlineMs: ms("deadlineMs", given.deadlineMs, 250),
    leaseMs: Math.ceil(ms("probeLeaseMs", given.probeLeaseMs, 10_000)),
    longestOpenMs,
    probeJitterMs: ms("probeJitterMs", given.probeJitterMs, 1_000),
    nameLimit: nameLimit === undefined ? 10_000 : check.positiveInteger("nameLimit", nameLimit),
    quota,
    onQuota,
    clock: clock === undefined ? platformClock : checkedClock(check, clock),
    timers: timers === undefined ? platformTimers : checkedTimers(check, timers),
    random,
    protections: ALL_PROTECTIONS,
  };
}

function taskId({ instance }: EventBus, random: () => number): string {
  const digits = Math.floor(random() * 36 ** 8).toString(36);
  return `${(instance ?? "task").slice(0, LONGEST_INSTANCE_PART)}-${digits.padStart(8, "0")}`;
}

function quorumOf(check: Check, open: ClusterOptions["open"]): Quorum | null {
  if (open === undefined || open === "any") return null;
  if (typeof open !== "object") return check.type("open", '"any" or a quorum', open);
  check.keys(check.object("open", open) && open, ["quorum", "withinMs"], "open.");
  const quorum = check.positiveInteger("open.quorum", open.quorum);
  return { quorum, withinMs: Math.ceil(check.positiveMs("open.withinMs", open.withinMs)) };
}

function checkedClock(check: Check, clock: Clock): Clock {
  check.object("clock", clock);
  check.function("clock.monotonicMs", clock.monotonicMs);
  check.function("clock.epochMs", clock.epochMs);
  return clock;
}

function checkedTimers(check: Check, timers: Timers): Timers {
  check.object("timers", timers);
  check.function("timers.start", timers.start);
  check.function("timers.stop", timers.stop);
  return timers;
}
