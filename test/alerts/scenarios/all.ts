import type { Scenario } from "../scenario.ts";
import { CLUSTER_SCENARIOS } from "./cluster.ts";
import { ERROR_BUDGET_SCENARIOS } from "./error-budget.ts";
import { INSTANCE_SCENARIOS } from "./instances.ts";
import { LIFE_SCENARIOS } from "./life.ts";
import { NAMESAKE_SCENARIOS } from "./namesakes.ts";
import { OPEN_SCENARIOS } from "./open.ts";
import { PROBE_SCENARIOS } from "./probes.ts";
import { QUOTA_SCENARIOS } from "./quota.ts";
import { RECORDING_SCENARIOS } from "./recordings.ts";
import { RECOVERY_SCENARIOS } from "./recovery.ts";
import { STORE_OWNER_SCENARIOS } from "./stores-owners.ts";
import { TELEMETRY_SCENARIOS } from "./telemetry.ts";
import { TRAFFIC_SCENARIOS } from "./traffic.ts";
import { TRIP_IMMINENT_SCENARIOS } from "./trip-imminent.ts";

/** Every scenario that the rules are held against. */
export const SCENARIOS: readonly Scenario[] = [
  ...TRIP_IMMINENT_SCENARIOS,
  ...OPEN_SCENARIOS,
  ...PROBE_SCENARIOS,
  ...INSTANCE_SCENARIOS,
  ...TRAFFIC_SCENARIOS,
  ...ERROR_BUDGET_SCENARIOS,
  ...RECOVERY_SCENARIOS,
  ...QUOTA_SCENARIOS,
  ...CLUSTER_SCENARIOS,
  ...STORE_OWNER_SCENARIOS,
  ...TELEMETRY_SCENARIOS,
  ...RECORDING_SCENARIOS,
  ...NAMESAKE_SCENARIOS,
  ...LIFE_SCENARIOS,
];
