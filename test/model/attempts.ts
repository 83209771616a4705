import { type History, isChange } from "./history.ts";

/** When a breaker that closed again will have been healthy for as long as its last cooldown was. */
export function healthyAtMs(history: History): number | undefined {
  const changes = history.filter(isChange);
  const closed = changes.at(-1);
  const opened = changes.findLast(({ to }) => to === "open");
  if (closed?.to !== "closed" || opened === undefined) return undefined;
  return closed.nowMs + (opened.dueMs ?? opened.effectiveMs) - opened.effectiveMs;
}

/** Which attempt a trip now would be: opens are counted until the breaker was healthy for long enough. */
export function attemptNow(history: History, nowMs: number): number {
  let attempt = 0;
  let lastMs = 0;
  let sinceMs = Number.NEGATIVE_INFINITY;
  for (const change of history) {
    if (change.kind === "cleared") {
      attempt = 0;
      lastMs = 0;
    }
    if (!isChange(change)) continue;
    // Health counts however the closed time ended, by a trip or by an operator's force.
    if (change.from === "closed" && change.effectiveMs - sinceMs >= lastMs) attempt = 0;
    if (change.why === "trip" || change.why === "probe failed") {
      attempt++;
      lastMs = (change.dueMs ?? Number.NaN) - change.effectiveMs;
    } else if (change.why === "closed" || change.to === "disabled") {
      attempt = 0;
      lastMs = 0;
    }
    sinceMs = change.nowMs;
  }
  const from = history.findLast(isChange)?.to ?? "closed";
  return from === "closed" && nowMs - sinceMs >= lastMs ? 1 : attempt + 1;
}
