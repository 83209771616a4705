import { bundleSize } from "./bundle-size.ts";
import { bytes } from "./bytes-per-call.ts";
import { closedSuccess } from "./closed-success.ts";
import { clusterClosed, clusterIdle, clusterSpread, clusterStopped } from "./cluster.ts";
import { exporters } from "./exporters.ts";
import { failing } from "./failing.ts";
import { failingWindows, manyBreakers, manyListeners, rateWindows } from "./growth.ts";
import { guardedFetch } from "./guarded-fetch.ts";
import { idleCpu, idleMemory } from "./idle.ts";
import { firstTry, pipelines } from "./policies.ts";
import type { Question } from "./question.ts";
import { ledgers } from "./quota.ts";
import { refused } from "./refused.ts";
import { registryGet } from "./registry.ts";
import { reportLogs, reportMemory } from "./report-logs.ts";
import { scrape } from "./scrape.ts";
import { snapshots } from "./snapshots.ts";
import { fileStore } from "./stores.ts";
import { tuneReplay } from "./tune.ts";
import { ownedCalls, ownedWaits } from "./workers.ts";

/** Everything that `npm run bench` asks, in the order of the report. */
export const QUESTIONS: readonly Question[] = [
  closedSuccess,
  failing,
  rateWindows,
  failingWindows,
  manyListeners,
  manyBreakers,
  refused,
  exporters,
  registryGet,
  firstTry,
  pipelines,
  guardedFetch,
  ledgers,
  ownedCalls,
  ownedWaits,
  fileStore,
  snapshots,
  scrape,
  reportLogs,
  reportMemory,
  clusterClosed,
  clusterSpread,
  clusterStopped,
  clusterIdle,
  tuneReplay,
  bytes,
  idleMemory,
  idleCpu,
  bundleSize,
];
