import type { RefusalFacts } from "../core/circuit-open-error.ts";
import type { Usage } from "../quota/spend-input.ts";
import type { RequestScope } from "./connect-owner.ts";
import type { DeniedModel } from "./owner-answer.ts";
import type { OwnerLink } from "./owner-link.ts";
import { QUESTION } from "./owner-request.ts";

/** A reservation; null when the call runs without one. */
export type Reserved =
  | { readonly ok: true; readonly reservation: string | null }
  /** What a refusal says of it. */
  | { readonly ok: false; readonly facts: Pick<RefusalFacts, "retryAfterMs" | "cause"> };

/** Has the owner hold what a call will use, for as long as the call runs. */
export async function reserveOwned(
  link: OwnerLink,
  scope: RequestScope,
  estimate: Usage,
): Promise<Reserved> {
  const { deadlineMs, unreserved } = link.settings;
  const silent: Reserved =
    unreserved === "allow"
      ? { ok: true, reservation: null }
      : { ok: false, facts: { retryAfterMs: null, cause: deniedBy(estimate) } };
  if (link.nowMs < link.silentUntilMs) return silent;
  const request = { ...QUESTION, reserve: estimate };
  const exchanged = await link.exchange(scope, "reservation", { request, deadlineMs });
  if (!exchanged.ok) {
    link.failed("reservation", exchanged, silent.ok ? "unreserved" : "refused");
    return silent;
  }
  const { reservation, unreserved: denied } = exchanged.answer;
  if (reservation !== null) return { ok: true, reservation };
  return { ok: false, facts: { retryAfterMs: denied?.retryAfterMs ?? null, cause: denied } };
}

/** Why a call is refused whose reservation nobody could be asked for. */
const deniedBy = ({ provider, model }: Usage): DeniedModel => ({
  provider,
  model,
  reason: "unreachable",
  budget: null,
  retryAfterMs: null,
});
