import { type Measurement, type Measures, measured } from "../events/measurement.ts";
import type { StoreHealth } from "./store-health.ts";

type Facts = Pick<StoreHealth, "failing" | "losses" | "waiting" | "rejections" | "rejectedAtMs">;

/** The metrics of state that is kept in a store: whether the store takes it, and what of it could not be used. */
export function storeMeasures(health: Facts): Measures {
  const read = (): readonly Measurement[] => {
    const { failing, losses, waiting, rejections, rejectedAtMs } = health;
    return [
      ...Object.entries(losses).flatMap(([operation, count]) => [
        measured("telltale_state_store_failing", failing === operation ? 1 : 0, operation),
        measured("telltale_state_store_failures_total", count, operation),
      ]),
      measured("telltale_state_waiting", waiting),
      ...Object.entries(rejections).map(([code, count]) =>
        measured("telltale_state_rejected_total", count, code),
      ),
      measured("telltale_state_rejected_timestamp_seconds", rejectedAtMs / 1000),
    ];
  };
  return { family: "state", read };
}
