import type { FailureRun } from "./failure-run.ts";
import type { ProgressClimb } from "./progress-climb.ts";
import type { ShadowTrip } from "./shadow-trip.ts";
import type { TripMeters } from "./trip-meters.ts";

/** What speaks for a trip in one closed period. */
export class Evidence {
  /** The failures since the last success. */
  run: FailureRun | null = null;
  climb: ProgressClimb | null = null;
  /** Begun at the first verdict that a rule must hear. */
  meters: TripMeters | null = null;
  /** The candidate rules, from the first verdict on. */
  shadow: ShadowTrip | null = null;
  /** The last verdict, where idle time counts. */
  activeMs = 0;
}
