import type { Measurement, Measures } from "../events/measurement.ts";
import type { OwnerLink } from "./owner-link.ts";

type Facts = Pick<OwnerLink, "name" | "isLost" | "stats" | "tally" | "outbox">;

/** The metrics of what one isolate hears of its owner: what it asked in vain, and the spends that got lost. */
export function ownerMeasures(link: Facts): Measures {
  const { name } = link;
  const read = (): readonly Measurement[] => {
    const { isLost, stats, tally, outbox } = link;
    const one = (
      metric: Measurement["metric"],
      value: number,
      ...words: readonly string[]
    ): Measurement => ({ metric, words: [name, ...words], value });
    return [
      one("telltale_owner_unreachable", isLost ? 1 : 0),
      one("telltale_owner_requests_total", stats.requests),
      ...Object.entries(tally.failures).map(([fallback, count]) =>
        one("telltale_owner_failures_total", count, fallback),
      ),
      one("telltale_owner_waiting", outbox.spends),
      ...Object.entries(tally.spendsLost).map(([reason, count]) =>
        one("telltale_owner_spends_lost_total", count, reason),
      ),
      one("telltale_owner_spend_lost_timestamp_seconds", tally.spendLostAtMs / 1000),
    ];
  };
  return { family: "owner", read };
}
