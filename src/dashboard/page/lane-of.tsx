import type { CircuitState } from "../../events/vocabulary.ts";
import type { BoardBreaker } from "../board/board-breaker.ts";
import { board, now, span } from "./store.ts";

/** How high each state is drawn, so that they can be told apart without their colours. */
const HEIGHTS: Readonly<Record<CircuitState, number>> = {
  ...{ closed: 3, disabled: 6, half_open: 10, open: 18, forced_open: 18 },
};
const HIGH = 20;
const WIDE = 1_000;
const NARROWEST = 3;

/** The states of one breaker over the time that is shown; grey where nobody knows. */
export function LaneOf({ breaker }: { readonly breaker: BoardBreaker }) {
  const nowMs = board.nowOf(breaker.source, now.value);
  const fromMs = nowMs - span.value.ms;
  const source = board.sources[breaker.source];
  const lostForMs = source === undefined ? 0 : source.lostForMs(now.value);
  const knownToMs = nowMs - lostForMs;
  const x = (atMs: number): number =>
    Math.min(WIDE, Math.max(0, ((atMs - fromMs) / span.value.ms) * WIDE));
  const stretches = breaker.lane.since(fromMs);
  return (
    <svg
      class="lane"
      viewBox={`0 0 ${WIDE} ${HIGH}`}
      preserveAspectRatio="none"
      role="img"
      aria-label="States over time"
    >
      {stretches.map(({ state, fromMs: startMs, toMs }) => {
        const [left, right] = [x(startMs), x(Math.min(toMs ?? knownToMs, knownToMs))];
        const width = Math.max(state === "closed" ? 0 : NARROWEST, right - left);
        const high = HEIGHTS[state];
        return (
          <rect
            key={`${startMs}${state}`}
            class={`s-${state}`}
            x={Math.min(left, WIDE - width)}
            y={(HIGH - high) / 2}
            width={width}
            height={high}
          />
        );
      })}
      {lostForMs > 0 && (
        <rect class="unknown" x={x(knownToMs)} y={0} width={WIDE - x(knownToMs)} height={HIGH} />
      )}
    </svg>
  );
}
