import { type ClusterRecord, isHeld, nameOf } from "../../cluster/record.ts";
import { printable } from "../../events/printable.ts";
import type { AuditEntry } from "./operator.ts";

/** What is shown of one breaker, or of the quota of one provider. */
export interface Shown {
  readonly kind: "breaker" | "quota";
  readonly name: string;
  readonly state: "forced_open" | "open" | "half_open" | "closed" | "exhausted" | "available";
  /** When the incident under way began; null when there is none. */
  readonly sinceAtMs: number | null;
  /** When a probe may run, or the quota is back; null without an end, and when nothing is held. */
  readonly untilAtMs: number | null;
  readonly why: string;
  /** Which task, or who, wrote it last. */
  readonly by: string;
  readonly writtenAtMs: number;
  readonly epoch: number;
  readonly incidentId: string | null;
}

/** A record as people read it, at a moment of the store's clock; null for what is neither breaker nor quota. */
export function shownOf(key: string, record: ClusterRecord, nowMs: number): Shown | null {
  const { kind, name } = nameOf(key);
  if (kind === "lease") return null;
  const held = isHeld(record);
  const state = kind === "quota" ? quotaState(record, nowMs) : stateOf(record, nowMs);
  return {
    kind,
    name,
    state,
    sinceAtMs: held && record.ia > 0 ? record.ia : null,
    untilAtMs: held && record.ou > 0 ? record.ou : null,
    why: record.fr,
    by: record.o,
    writtenAtMs: record.t,
    epoch: record.e,
    incidentId: held && record.i !== "" ? record.i : null,
  };
}

function stateOf({ f, s, ou }: ClusterRecord, nowMs: number): Shown["state"] {
  if (f === 0 && s === "closed") return "closed";
  if (s === "half_open" || (ou !== 0 && ou <= nowMs)) return "half_open";
  return f === 1 ? "forced_open" : "open";
}

const quotaState = ({ s, ou }: ClusterRecord, nowMs: number): Shown["state"] =>
  s !== "closed" && ou > nowMs ? "exhausted" : "available";

const CALM = ["closed", "available"];

/** What is held first, then by name. */
export function inOrder(shown: readonly Shown[]): readonly Shown[] {
  const rank = ({ state }: Shown): number => (CALM.includes(state) ? 1 : 0);
  return shown.toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

/** A table of what the fleet knows. */
export function statusText(shown: readonly Shown[], namespace: string): string {
  if (shown.length === 0) {
    return `Nothing was ever opened, forced or reset in the namespace ${namespace}.\n`;
  }
  const rows = shown.map((one) => [
    one.kind === "quota" ? `quota ${one.name}` : one.name,
    one.state,
    one.sinceAtMs === null ? "-" : moment(one.sinceAtMs),
    one.untilAtMs === null
      ? one.state === "forced_open"
        ? "a reset"
        : "-"
      : moment(one.untilAtMs),
    one.by,
    one.why === "" ? "-" : one.why,
  ]);
  return table(["breaker", "state", "since", "until", "last by", "why"], rows);
}

/** A table of who did what. */
export function auditText(
  entries: readonly AuditEntry[],
  { namespace, names }: { readonly namespace: string; readonly names: readonly string[] },
): string {
  if (entries.length === 0) {
    const what = names.length === 0 ? "anything" : names.map(printable).join(", ");
    return `Nobody forced or reset ${what} in ${namespace}.\n`;
  }
  const rows = entries.map(({ atMs, did, key, by, why }) => [
    moment(atMs),
    did === "force" ? "force-open" : did,
    nameOf(key).name,
    by,
    why === "" ? "-" : why,
  ]);
  return table(["at", "did", "breaker", "by", "why"], rows);
}

export const moment = (atMs: number): string =>
  new Date(atMs).toISOString().replace(/\.\d{3}Z$/, "Z");

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // Names and reasons come from whoever may write to the store: they must not act on the terminal.
  const all = [head, ...rows.map((row) => row.map(printable))];
  const widths = head.map((_, n) => Math.max(...all.map((row) => (row[n] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, n) => (n === row.length - 1 ? cell : cell.padEnd(widths[n] ?? 0)))
      .join("  ")
      .trimEnd();
  return `${all.map(line).join("\n")}\n`;
}
