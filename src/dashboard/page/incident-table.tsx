import { printable } from "../../events/printable.ts";
import type { IncidentSummary } from "../../report/incident-report.ts";
import { duration, grouped } from "../../report/wording.ts";
import type { BoardBreaker } from "../board/board-breaker.ts";
import { brief, clock } from "../board/brief.ts";
import { board, incidents, now } from "./store.ts";

/** Beyond it nobody reads; the report of a log has them all. */
const MOST = 100;

/** The incidents that the streams told, the latest first, and what they come to. */
export function IncidentTable() {
  const { all, summary } = incidents.value;
  const { mttrMeanMs, mttrMedianMs, mttrP90Ms, mttrMaxMs, recovered, excluded, stillOpen } =
    summary;
  return (
    <section class="incidents">
      <h2>Incidents</h2>
      {mttrMeanMs !== null && (
        <p class="faint">
          {`Time to recovery of ${grouped(recovered)}: mean ${duration(mttrMeanMs)}, median ${duration(mttrMedianMs ?? 0)}, 90th percentile ${duration(mttrP90Ms ?? 0)}, longest ${duration(mttrMaxMs ?? 0)}.`}
          {excluded.incidents > 0 &&
            ` ${grouped(excluded.incidents)} ended or begun by hand, apart.`}
          {stillOpen > 0 && ` ${grouped(stillOpen)} without a close.`}
        </p>
      )}
      <Incidents of={all} />
    </section>
  );
}

/** The incidents of one breaker. */
export function OwnIncidents({ breaker }: { readonly breaker: BoardBreaker }) {
  const all = breaker.incidents(board.asOf(breaker.source, now.value));
  return <Incidents of={all.toReversed()} isOwn />;
}

function Incidents({
  of,
  isOwn = false,
}: {
  readonly of: readonly IncidentSummary[];
  readonly isOwn?: boolean;
}) {
  if (of.length === 0) return <p class="faint">None since this page can tell.</p>;
  return (
    <>
      <ol class="entries">
        {of.slice(0, MOST).map((incident) => (
          <li
            key={incident.incidentId + incident.breaker + incident.instances.join()}
            class={incident.closedAtMs === null ? "bad" : ""}
          >
            <time>{clock(incident.openedAtMs)}</time>
            <span>
              {!isOwn && <b>{nameOf(incident)} </b>}
              {storyOf(incident)}
            </span>
          </li>
        ))}
      </ol>
      {of.length > MOST && <p class="faint">{`${grouped(of.length - MOST)} older ones.`}</p>}
    </>
  );
}

const nameOf = ({ breaker, instances }: IncidentSummary): string =>
  board.labelOf({ name: breaker, instance: instances[0] ?? null });

function storyOf(incident: IncidentSummary): string {
  const { reason, mttrMs, openMs, skips, closeReason, reopens, note, closedAtMs, closeLost } =
    incident;
  const lasted =
    mttrMs !== null
      ? `closed by ${closeReason ?? "an unknown cause"} after ${duration(mttrMs)}`
      : closeLost
        ? `over without a recorded close, open for at least ${brief(openMs)}`
        : `open for ${brief(openMs)}`;
  const parts = [
    reason ?? "begun before this page",
    lasted,
    `${grouped(skips)} refused${closedAtMs === null ? " so far" : ""}`,
    ...(reopens > 0 ? [`${reopens} failed recoveries`] : []),
    ...(note === null ? [] : [printable(note)]),
  ];
  return parts.join(", ");
}
