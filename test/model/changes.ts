import type { CircuitState } from "../../src/index.ts";
import { cooldownNow, tellRandom } from "./aside.ts";
import {
  type Change,
  dueMs,
  forceNote,
  incidentBegin,
  isChange,
  type Moment,
  probesInIncident,
  reopens,
  skipsInIncident,
  skipsSinceOpened,
} from "./history.ts";
import type { Ending } from "./in-and-out.ts";
import type { Teller } from "./teller.ts";

// The changes of the committed state, and the events that tell them.

/** A trip as it was decided. */
interface Tripping {
  readonly reason: "error" | "latency";
  /** What the classifier asked for. */
  readonly asked: number | null;
  /** What the open tells of the decision. */
  readonly decided: object;
  /** Of a trip that was effective before: since when, and the cooldown that runs since then. */
  readonly hung?: { readonly sinceMs: number; readonly cooldownMs: number };
}

export function trip(teller: Teller, at: Moment, { reason, asked, decided, hung }: Tripping): void {
  const from = teller.committed;
  const why = from === "half_open" ? "probe failed" : "trip";
  nameIncident(teller, at);
  const cooldownMs = hung?.cooldownMs ?? asked ?? cooldownNow(teller, at);
  const effectiveMs = hung?.sinceMs ?? at.nowMs;
  const dueMs = effectiveMs + cooldownMs;
  const afterProbe = from === "half_open";
  const left = change(teller, at, { to: "open", why, reason, dueMs, afterProbe, effectiveMs });
  tellOpen(teller, at, cooldownMs, {
    ...left,
    reason,
    ...decided,
    retryAtMs: at.wallMs + cooldownMs - (at.nowMs - effectiveMs),
  });
}

export function forcePermanently(
  teller: Teller,
  at: Moment,
  thrown: Ending["thrown"],
  afterProbe: boolean,
): void {
  force(
    teller,
    at,
    { note: "permanent failure", ...teller.error(thrown) },
    { forMs: null, afterProbe },
  );
}

export function force(
  teller: Teller,
  at: Moment,
  told: { readonly note?: string },
  { forMs, afterProbe }: { readonly forMs: number | null; readonly afterProbe: boolean },
): void {
  const dueMs = forMs === null ? null : at.nowMs + forMs;
  nameIncident(teller, at);
  const left = change(teller, at, {
    to: "forced_open",
    why: "forced",
    dueMs,
    afterProbe,
    ...noteOf(told),
  });
  tellOpen(teller, at, forMs, {
    ...left,
    reason: "forced",
    rule: null,
    failuresByReason: { error: 0, latency: 0 },
    window: null,
    threshold: null,
    firstFailureAtMs: null,
    detectMs: null,
    retryAtMs: forMs === null ? null : at.wallMs + forMs,
    ...told,
  });
}

const noteOf = ({ note }: { readonly note?: string }) => (note === undefined ? {} : { note });

/** A force of what is forced open already: told when its end or its reason becomes another. */
export function forceAgain(
  teller: Teller,
  at: Moment,
  { note, forMs }: { readonly note: string | undefined; readonly forMs: number | null },
): void {
  const { history } = teller;
  const [wasDueMs, wasNote] = [dueMs(history), forceNote(history)];
  const askedMs = forMs === null ? null : at.nowMs + forMs;
  const isMoved =
    askedMs === null || wasDueMs === null
      ? askedMs !== wasDueMs
      : Math.abs(askedMs - Math.max(wasDueMs, at.nowMs)) >= 1;
  if (!isMoved && (note === undefined || note === wasNote)) return;
  history.push({ kind: "force changed", dueMs: isMoved ? askedMs : wasDueMs, note });
  const stands = note ?? wasNote;
  teller.tell(at, "circuit.force_changed", {
    ...(stands === undefined ? {} : { note: stands }),
    previousNote: wasNote ?? null,
    cooldownMs: forMs,
    retryAtMs: forMs === null ? null : at.wallMs + forMs,
    previousRetryAtMs: wasDueMs === null ? null : at.wallMs + Math.round(wasDueMs - at.nowMs),
  });
}

/** A new incident takes its id from `random`, while the state is still what it was. */
function nameIncident(teller: Teller, at: Moment): void {
  if (incidentBegin(teller.history) === null) tellRandom(teller, at);
}

function tellOpen(teller: Teller, at: Moment, cooldownMs: number | null, fields: object): void {
  teller.tell(at, "circuit.open", {
    ...fields,
    consecutiveFailures: teller.consecutiveFailures,
    cooldownMs,
    reopens: reopens(teller.history),
  });
}

export function close(teller: Teller, at: Moment, reason: string, note?: string): void {
  const { history } = teller;
  const begin = incidentBegin(history);
  if (begin === null) throw new Error("The reference closed without an incident");
  const fields = {
    reason,
    ...(note === undefined ? {} : { note }),
    mttrMs: at.nowMs - begin.nowMs,
    openMs: teller.openMs(at),
    skipsSinceOpened: skipsSinceOpened(history),
    skipsInIncident: skipsInIncident(history),
    probes: probesInIncident(history),
    reopens: reopens(history),
    incidentId: teller.incident(),
  };
  const why = reason === "probe" ? "recovered" : "closed";
  const left = change(teller, at, { to: "closed", why });
  teller.tell(at, "circuit.close", { ...left, ...fields });
}

/** What it tells of the state that it ended. */
export function change(
  teller: Teller,
  at: Moment,
  to: Pick<Change, "to" | "why"> & Partial<Omit<Change, "kind" | "from">>,
): { readonly from: CircuitState; readonly spentMs: number } {
  const { committed: from } = teller;
  const begunMs = teller.history.findLast(isChange)?.nowMs ?? teller.begunMs;
  const usual = { dueMs: null, afterProbe: false, effectiveMs: at.nowMs };
  teller.history.push({ kind: "change", ...at, from, ...usual, ...to });
  return { from, spentMs: at.nowMs - begunMs };
}
