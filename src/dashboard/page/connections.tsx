import type { BoardSource } from "../board/board-source.ts";
import { clock } from "../board/brief.ts";
import { doubtsOf, faultText } from "../board/told-text.ts";
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
          <span key={at}>{faultText(source, all.length > 1, nowMs)}</span>
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
      <Doubts />
    </div>
  );
}

const liveText = (streams: number, nowMs: number): string =>
  `live${streams > 1 ? `, ${streams} streams` : ""}, ${clock(nowMs)} UTC`;

function recordText(all: readonly BoardSource[], nowMs: number): string {
  const last = all.reduce((most, source) => Math.max(most, source.presentMs(nowMs)), 0);
  return last === 0 ? "a record" : `a record, as of ${clock(last)} UTC`;
}

/** What should make one doubt the picture. */
function Doubts() {
  const doubts = doubtsOf(board);
  return doubts.length === 0 ? null : <span class="doubts">{doubts.join("; ")}</span>;
}
