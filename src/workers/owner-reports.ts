import type { RequestScope } from "./connect-owner.ts";
import type { OwnerLink } from "./owner-link.ts";
import type { OwnerRequest } from "./owner-request.ts";

/** A report is sent after the response, so that it may take longer than what a request waits for. */
const DEADLINE_MS = 5_000;
/** Spends are sent so often, with growing pauses; then they wait for the next report. */
const ATTEMPTS = 4;
const PAUSE_MS = 100;

/**
 * Sends everything that waits. Results and refusals are sent once: whether a request that failed had arrived is not
 * known, and they would count twice. Spends have ids, and are sent again.
 *
 * @returns whether nothing waits any more
 */
export async function sendReports(link: OwnerLink, scope: RequestScope): Promise<boolean> {
  const { outbox } = link;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const request: OwnerRequest | null = outbox.take(link.nowMs, link.nowMs + DEADLINE_MS);
    if (request === null) return outbox.spends === 0;
    const exchanged = await link.exchange(scope, "report", { request, deadlineMs: DEADLINE_MS });
    if (exchanged.ok) continue;
    outbox.putBack(request, link.nowMs);
    link.failed("report", exchanged, "none");
    if (attempt < ATTEMPTS) await link.pause(PAUSE_MS * 2 ** attempt);
  }
  return outbox.spends === 0;
}
