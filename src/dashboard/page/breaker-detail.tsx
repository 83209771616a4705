import { duration, grouped } from "../../report/wording.ts";
import type { BoardBreaker } from "../board/board-breaker.ts";
import { brief, clock, percent } from "../board/brief.ts";
import { distanceText, outlook, STANDING_LABELS, standingOf } from "../board/standing.ts";
import { EventLog } from "./event-log.tsx";
import { OwnIncidents } from "./incident-table.tsx";
import { LaneOf } from "./lane-of.tsx";
import { OperatorForm } from "./operator-form.tsx";
import { board, config, now, selected } from "./store.ts";

/** Everything about one breaker. */
export function BreakerDetail({ breaker }: { readonly breaker: BoardBreaker }) {
  const nowMs = board.asOf(breaker.source, now.value);
  const standing = standingOf(breaker, nowMs);
  return (
    <section class={`detail s-${standing}`} aria-label={`Breaker ${board.labelOf(breaker)}`}>
      <div class="head">
        <span class={`badge b-${standing}`}>{STANDING_LABELS[standing]}</span>
        <h2>{board.labelOf(breaker)}</h2>
        <button
          type="button"
          class="quiet"
          aria-label="Close (Esc)"
          onClick={() => {
            selected.value = null;
          }}
        >
          ✕
        </button>
      </div>
      <p class="next">{outlook(breaker, nowMs) || "Nothing speaks for a trip."}</p>
      <LaneOf breaker={breaker} />
      <dl class="facts">
        {factsOf(breaker, nowMs).map(([name, value]) => (
          <div key={name} class="row">
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {config.value?.hasOperators === true && <OperatorForm key={breaker.key} breaker={breaker} />}
      <h3>Incidents</h3>
      <OwnIncidents breaker={breaker} />
      <h3>Events</h3>
      <EventLog breaker={breaker} />
    </section>
  );
}

function factsOf(breaker: BoardBreaker, nowMs: number): readonly (readonly [string, string])[] {
  const { incident, stateSinceAtMs, failureThreshold, gaps } = breaker;
  const facts: [string, string][] = [];
  if (stateSinceAtMs !== null) {
    facts.push(["In this state for", brief(Math.max(0, nowMs - stateSinceAtMs))]);
  }
  if (incident !== null) {
    const { openedAtMs, skips, isWhole, reason, reopens } = incident;
    facts.push([
      "Incident since",
      `${clock(openedAtMs)} UTC, ${duration(Math.max(0, nowMs - openedAtMs))}`,
    ]);
    if (reason !== null) facts.push(["Begun by", reason]);
    facts.push(["Refused in it", `${isWhole ? "" : "≥ "}${grouped(skips)}`]);
    if (reopens > 0) facts.push(["Failed recoveries", grouped(reopens)]);
  }
  if (breaker.state === "closed") {
    facts.push(["Distance to the trip", distanceText(breaker) || "nothing counted"]);
    facts.push(["Calls that pass", percent(breaker.trafficShare)]);
  }
  facts.push(["Failures in a row", grouped(breaker.consecutiveFailures)]);
  if (failureThreshold !== null) facts.push(["Failures that trip", grouped(failureThreshold)]);
  const since = breaker.hasLevels ? "" : " since this page can tell";
  facts.push(
    [`Calls${since}`, grouped(breaker.calls)],
    [`Refused${since}`, grouped(breaker.skips)],
  );
  if (gaps > 0) facts.push(["Gaps in its events", grouped(gaps)]);
  return facts;
}
