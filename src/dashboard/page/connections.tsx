import { printable } from "../../events/printable.ts";
import type { BoardSource } from "../board/board-source.ts";
import { brief, clock } from "../board/brief.ts";
import { board, now, reconnect, sources } from "./store.ts";

/** How the streams are doing: said loudly when what is shown is not of now. */
export function Connections() {
  const nowMs = now.value;
  const all = sources.value.map(({ source }) => source);
  const lost = all.filter(({ isLive }) => !isLive);
  const records = all.filter(({ isRecord }) => isRecord).length;
  if (lost.length > 0) {
    return (
      <div class="connection lost" data-status="stale" role="alert">
        {lost.map((source, at) => (
          <span key={at}>{lostText(source, all.length > 1, nowMs)}</span>
        ))}
        <button type="button" class="retry" onClick={reconnect}>
          Try now
        </button>
      </div>
    );
  }
  const kept = all.length > 0 && records === all.length ? "record" : "live";
  return (
    <div class="connection" data-status={kept}>
      <span class="dot" />{" "}
      {kept === "record" ? recordText(all, nowMs) : liveText(all.length, nowMs)}
      <Doubts sources={all} />
    </div>
  );
}

function lostText({ name, status }: BoardSource, isNamed: boolean, nowMs: number): string {
  const who = isNamed ? `${printable(name)}: ` : "";
  switch (status.kind) {
    case "connecting":
      return `${who}connecting …`;
    case "live":
      return `${who}live`;
    case "silent":
      return `${who}STALE: nothing has come since ${clock(status.sinceMs)} UTC (${brief(nowMs - status.sinceMs)})`;
    case "lost": {
      const next =
        status.retryAtMs > nowMs ? `next try in ${brief(status.retryAtMs - nowMs)}` : "trying";
      return `${who}STALE since ${clock(status.sinceMs)} UTC (${brief(nowMs - status.sinceMs)}): ${status.why}; ${next}`;
    }
  }
}

const liveText = (streams: number, nowMs: number): string =>
  `live${streams > 1 ? `, ${streams} streams` : ""}, ${clock(nowMs)} UTC`;

function recordText(all: readonly BoardSource[], nowMs: number): string {
  const last = all.reduce((most, source) => Math.max(most, source.presentMs(nowMs)), 0);
  return last === 0 ? "a record" : `a record, as of ${clock(last)} UTC`;
}

/** What should make one doubt the picture. */
function Doubts({ sources: all }: { readonly sources: readonly BoardSource[] }) {
  const sum = (of: (source: BoardSource) => number): number =>
    all.reduce((total, source) => total + of(source), 0);
  const doubts = [
    [sum(({ gaps }) => gaps), "times that events were missed"],
    [sum(({ damaged }) => damaged), "damaged messages"],
    [sum(({ later }) => later), "events of a later version of telltale, not shown"],
    [sum(({ untold }) => untold), "breakers that the service could not tell of"],
    [board.unshown, "events of breakers that there was no room for"],
  ] as const;
  const told = doubts.filter(([count]) => count > 0);
  if (told.length === 0) return null;
  return (
    <span class="doubts" title={told.map(([count, what]) => `${count} ${what}`).join("\n")}>
      {told.map(([count, what]) => `${count} ${what}`).join("; ")}
    </span>
  );
}
