import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { grouped } from "../../report/wording.ts";
import type { BoardBreaker } from "../board/board-breaker.ts";
import type { ViewRow } from "../board/board-view.ts";
import { percent } from "../board/brief.ts";
import { distanceText, outlook, STANDING_LABELS } from "../board/standing.ts";
import { LaneOf } from "./lane-of.tsx";
import { board, selected, view } from "./store.ts";

/** Lines drawn beyond the edge, so that scrolling shows no hole. */
const BEYOND = 6;
const WIDE_PX = 38;
const NARROW_PX = 74;

const narrow = matchMedia("(max-width: 760px)");
const lineHeight = signal(narrow.matches ? NARROW_PX : WIDE_PX);
narrow.addEventListener("change", () => {
  lineHeight.value = narrow.matches ? NARROW_PX : WIDE_PX;
});
const scrolled = signal(0);
const height = signal(600);

/** The breakers, the most urgent first. Only those in sight are in the document, however many there are. */
export function BreakerList() {
  const box = useRef<HTMLDivElement>(null);
  const { rows, total } = view.value;
  const key = selected.value;
  const line = lineHeight.value;
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = box.current;
    const at = rows.findIndex(({ breaker }) => breaker.key === key);
    if (element === null || at < 0) return;
    const top = at * line;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + line > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + line - element.clientHeight;
    }
    // Only when another one is chosen: the list must not jump by itself.
  }, [key]);
  const from = Math.max(0, Math.floor(scrolled.value / line) - BEYOND);
  const to = Math.min(rows.length, Math.ceil((scrolled.value + height.value) / line) + BEYOND);
  const chosen = rows.findIndex(({ breaker }) => breaker.key === key);
  return (
    <div
      ref={box}
      class="breakers"
      role="listbox"
      tabIndex={0}
      aria-label="Breakers, the most urgent first"
      aria-activedescendant={chosen >= from && chosen < to ? `line-${chosen}` : undefined}
      onScroll={(event) => {
        scrolled.value = event.currentTarget.scrollTop;
      }}
    >
      <div class="all" style={{ height: `${rows.length * line}px` }}>
        {rows.slice(from, to).map((row, at) => (
          <Line key={row.breaker.key} row={row} at={from + at} of={rows.length} />
        ))}
      </div>
      {rows.length === 0 && (
        <p class="none">{total === 0 ? "No breaker has been told of yet." : "None is found."}</p>
      )}
    </div>
  );
}

function Line({
  row,
  at,
  of,
}: {
  readonly row: ViewRow;
  readonly at: number;
  readonly of: number;
}) {
  const { breaker, standing, label, atMs } = row;
  const isStale = board.sources[breaker.source]?.isLive === false;
  const isChosen = selected.value === breaker.key;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys choose by the list as a whole, see keys.ts
    <div
      tabIndex={-1}
      id={`line-${at}`}
      role="option"
      aria-selected={isChosen}
      aria-posinset={at + 1}
      aria-setsize={of}
      class={`line s-${standing}${isStale ? " stale" : ""}`}
      data-standing={standing}
      style={{ top: `${at * lineHeight.value}px` }}
      onClick={() => {
        selected.value = isChosen ? null : breaker.key;
      }}
    >
      <span class={`badge b-${standing}`}>{STANDING_LABELS[standing]}</span>
      <span class="name" title={label}>
        {label}
      </span>
      <LaneOf breaker={breaker} />
      <Distance row={row} />
      <Refused row={row} />
      <span class="outlook">{outlook(breaker, atMs)}</span>
    </div>
  );
}

/** How near a trip it is: a bar that fills. */
function Distance({ row: { breaker, standing } }: { readonly row: ViewRow }) {
  const { state, tripProgress } = breaker;
  if (state !== "closed") return <span class="distance" />;
  const text = distanceText(breaker);
  return (
    <span
      class={`distance${standing === "near" ? " high" : ""}`}
      title={text === "" ? "nothing speaks for a trip" : text}
    >
      <i style={{ width: `${Math.min(100, tripProgress * 100)}%` }} />
      {tripProgress > 0 && <em>{shortDistance(breaker)}</em>}
    </span>
  );
}

function shortDistance({
  tripProgress,
  consecutiveFailures,
  failureThreshold,
}: BoardBreaker): string {
  const byCount = failureThreshold === null ? 0 : consecutiveFailures / failureThreshold;
  return byCount >= tripProgress - 0.001
    ? `${consecutiveFailures}/${failureThreshold}`
    : percent(tripProgress);
}

function Refused({ row: { breaker } }: { readonly row: ViewRow }) {
  const { incident, skips } = breaker;
  if (incident === null) {
    return <span class="refused faint">{skips === 0 ? "" : `${grouped(skips)} refused`}</span>;
  }
  const least = incident.isWhole ? "" : "≥ ";
  return (
    <span class="refused" title="Calls refused in this incident">
      {least}
      <b>{grouped(incident.skips)}</b> refused
    </span>
  );
}
