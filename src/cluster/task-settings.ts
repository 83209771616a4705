import type { Quorum } from "./operation.ts";
import type { Protections } from "./protections.ts";

/** What a task of the cluster runs by; times in milliseconds. */
export interface TaskSettings {
  /** The task's id: another one after each start of the process. */
  readonly self: string;
  /** Tells clusters apart that share nothing: part of incident ids. */
  readonly namespace: string;
  readonly heartbeatMs: number;
  readonly reconcileMs: number;
  /** After it an operation has failed, whatever comes back later. */
  readonly deadlineMs: number;
  readonly leaseMs: number;
  /** The longest open window that is taken from anybody. */
  readonly longestOpenMs: number;
  /** Within it tasks that are on their own spread their probes. */
  readonly probeJitterMs: number;
  /** The most names without a breaker here that are remembered. */
  readonly nameLimit: number;
  /** Null when the word of one task opens the fleet. */
  readonly quorum: Quorum | null;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly protections: Protections;
}
