import { type Measurement, type Measures, measured } from "../events/measurement.ts";
import type { OwnerLink } from "./owner-link.ts";

type Facts = Pick<OwnerLink, "name" | "isLost" | "stats" | "tally" | "outbox">;

/** The metrics of what one isolate hears of its owner: what it asked in vain, and the spends that got lost. */
export function ownerMeasures(link: Facts): Measures {
  const { name } = link;
  const read = (): readonly Measurement[] => {
    const { isLost, stats, tally, outbox } = link;
    return [
      measured("telltale_owner_unreachable", isLost ? 1 : 0, name),
      measured("telltale_owner_requests_total", stats.requests, name),
      ...Object.entries(tally.failures).map(([fallback, count]) =>
        measured("telltale_owner_failures_total", count, name, fallback),
      ),
      measured("telltale_owner_waiting", outbox.spends, name),
      ...Object.entries(tally.spendsLost).map(([reason, count]) =>
        measured("telltale_owner_spends_lost_total", count, name, reason),
      ),
      measured("telltale_owner_spend_lost_timestamp_seconds", tally.spendLostAtMs / 1000, name),
    ];
  };
  return { family: "owner", read };
}
