import type { RequestScope } from "./connect-owner.ts";
import { type Decision, runOf, type Wanted } from "./isolate-view.ts";
import { type BreakerVerdict, readAnswer } from "./owner-answer.ts";
import type { OwnerLink } from "./owner-link.ts";
import { QUESTION } from "./owner-request.ts";

/** A call that may run. */
export interface Admitted {
  readonly decision: Extract<Decision, { kind: "run" }>;
  /** The permit of a probe; null for any other call. */
  readonly permit: string | null;
}

/** Undefined when the owner has no such breaker. */
export type Admission = Admitted | Refused | undefined;

type Refused = Extract<Decision, { kind: "refuse" }>;

/** Whether a call may run, by what the owner has said, or says now. */
export async function admitOwned(
  link: OwnerLink,
  scope: RequestScope,
  wanted: Wanted,
): Promise<Admission> {
  link.stats.admissions++;
  const { breaker } = wanted;
  const waits = !isAnswered(link, breaker);
  if (waits) await refresh(link, scope);
  const { random } = link.settings;
  const decision = link.view.decide(wanted, link.nowMs, random);
  if (decision?.kind !== "probe") {
    if (waits) link.stats.waited++;
    return decision?.kind === "run" ? { decision, permit: null } : decision;
  }
  link.stats.waited++;
  return askProbe(link, scope, { wanted, verdict: decision.verdict });
}

/** Whether there is something to go by that is new enough, or that nobody has to wait for. */
function isAnswered(link: OwnerLink, breaker: string): boolean {
  const { view, settings, nowMs } = link;
  if (view.isFresh(nowMs, settings.cacheMs) || view.holdsOpen(breaker, nowMs)) return true;
  if (nowMs < link.silentUntilMs) return true;
  return nowMs < link.askingUntilMs && !view.isEmpty;
}

/** Asks the owner, and waits for what there is instead when it does not answer. */
async function refresh(link: OwnerLink, scope: RequestScope): Promise<void> {
  const { view, settings } = link;
  const { deadlineMs } = settings;
  const untilMs = link.nowMs + deadlineMs;
  link.askingUntilMs = untilMs;
  const wasKnown = !view.isEmpty;
  const stored = wasKnown ? null : loadWarm(link, scope);
  const exchanged = await link.exchange(scope, "verdicts", { request: QUESTION, deadlineMs });
  if (exchanged.ok) return;
  // An owner that fails at once leaves time for what is stored.
  if (stored !== null && view.isEmpty) await link.wait(stored, untilMs - link.nowMs);
  link.failed("verdicts", exchanged, wasKnown ? "cache" : view.isEmpty ? "closed" : "snapshot");
}

/** Takes in what the owner has stored, unless it answers first. Never rejects. */
function loadWarm(link: OwnerLink, { warmStart, lifetime }: RequestScope): Promise<void> | null {
  if (warmStart === undefined) return null;
  const load = async (): Promise<void> => {
    for await (const [, text] of warmStart.load([link.name])) {
      const answer = readAnswer(`read the warm start of owner "${link.name}"`, text);
      const ageMs = Math.max(0, link.settings.clock.epochMs() - answer.takenAtMs);
      const { nowMs } = link;
      if (link.view.isEmpty) link.view.take(answer, nowMs, { sentMs: nowMs, ageMs });
    }
  };
  // What cannot be read is not there: the fallback is then closed, and the event says so.
  const loaded = load().catch(() => {});
  lifetime.waitUntil(loaded);
  return loaded;
}

/** Asks for the right to probe. */
async function askProbe(
  link: OwnerLink,
  scope: RequestScope,
  { wanted, verdict }: { readonly wanted: Wanted; readonly verdict: BreakerVerdict },
): Promise<Admission> {
  const { view, settings } = link;
  const { breaker } = wanted;
  // Nobody gives permits while the owner is silent: one call finds out whether the dependency is back, then none for a while.
  const unpermitted = (): Admission =>
    link.mayTry(breaker)
      ? { decision: runOf(verdict, null), permit: null }
      : view.refuseProbe(breaker, verdict, link.nowMs);
  if (link.nowMs < link.silentUntilMs) return unpermitted();
  const { deadlineMs, random } = settings;
  const request = { ...QUESTION, probe: breaker };
  const exchanged = await link.exchange(scope, "probe", { request, deadlineMs });
  if (!exchanged.ok) {
    link.failed("probe", exchanged, "cache");
    return unpermitted();
  }
  const { permit, breakers } = exchanged.answer;
  const now = Object.hasOwn(breakers, breaker) ? breakers[breaker] : undefined;
  if (permit !== null && now !== undefined) {
    return { decision: runOf(now, now.generation), permit };
  }
  const decision = view.decide(wanted, link.nowMs, random);
  if (decision === undefined) return undefined;
  if (decision.kind === "probe") return view.refuseProbe(breaker, decision.verdict, link.nowMs);
  return decision.kind === "run" ? { decision, permit: null } : decision;
}
