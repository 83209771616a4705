import type { BoardBreaker } from "./board-breaker.ts";
import { brief, percent } from "./brief.ts";

/** How a breaker stands, in one word; the order is that of urgency. */
export const STANDINGS = [
  "open",
  "forced_open",
  "half_open",
  "near",
  "degraded",
  "disabled",
  "closed",
] as const;
/**
 * How a breaker stands: its effective state, and of closed ones whether a trip is near (`near`: half the way or more) or
 * only part of the calls pass (`degraded`).
 */
export type Standing = (typeof STANDINGS)[number];

/** What each is called. */
export const STANDING_LABELS: Readonly<Record<Standing, string>> = {
  open: "OPEN",
  forced_open: "FORCED",
  half_open: "HALF OPEN",
  near: "NEAR TRIP",
  degraded: "DEGRADED",
  disabled: "DISABLED",
  closed: "CLOSED",
};

const NEAR = 0.5;

/** How it stands now, by its own clock. */
export function standingOf(breaker: BoardBreaker, nowMs: number): Standing {
  const { state, retryAtMs, tripProgress, trafficShare } = breaker;
  // Time alone lets the next call through as a probe.
  if (state === "open" && retryAtMs !== null && retryAtMs <= nowMs) return "half_open";
  if (state !== "closed") return state;
  if (tripProgress >= NEAR) return "near";
  return trafficShare < 1 ? "degraded" : "closed";
}

/** What comes next for it, in a few words. */
export function outlook(breaker: BoardBreaker, nowMs: number): string {
  const { state, retryAtMs, probesInFlight, trafficShare } = breaker;
  const leftMs = retryAtMs === null ? null : retryAtMs - nowMs;
  switch (state) {
    case "open":
      if (leftMs === null) return "next probe at an unknown time";
      return leftMs > 0 ? `next probe in ${brief(leftMs)}` : "probe due at the next call";
    case "forced_open":
      return leftMs === null || leftMs <= 0 ? "until it is reset" : `for ${brief(leftMs)} more`;
    case "half_open":
      return probesInFlight > 0 ? `probing (${probesInFlight})` : "probe due at the next call";
    case "disabled":
      return "lets every call pass";
    case "closed": {
      const share = trafficShare < 1 ? `, ${percent(trafficShare)} of calls pass` : "";
      return `${distanceText(breaker)}${share}`;
    }
  }
}

/** How near a closed breaker is to its trip, in words. */
export function distanceText(breaker: BoardBreaker): string {
  const { tripProgress, consecutiveFailures, failureThreshold } = breaker;
  if (tripProgress <= 0 && consecutiveFailures === 0) return "";
  const byCount = failureThreshold === null ? 0 : consecutiveFailures / failureThreshold;
  // The rule that is nearest may be another than the one that counts.
  if (failureThreshold !== null && byCount >= tripProgress - 0.001) {
    return `${consecutiveFailures} of ${failureThreshold} failures to a trip`;
  }
  return `${percent(tripProgress)} of the way to a trip`;
}
