export { isTelltaleEvent } from "../events/event-shape.ts";
export {
  type CircuitRecord,
  type EventRecord,
  parseEventLine,
  type RecordOptions,
} from "./event-record.ts";
export { createIncidentFold, foldIncidents, type IncidentFold } from "./incident-fold.ts";
export type {
  BreakerSummary,
  Gap,
  IncidentReport,
  IncidentSummary,
  InputCounts,
  RecoveryTimes,
} from "./incident-report.ts";
export { parseEvent } from "./parse-event.ts";
export { renderIncidents } from "./render-incidents.ts";
export { createReplay, type Replay, type ReplayStep, replay } from "./replay.ts";
export type {
  ReplayedBreaker,
  ReplayedIncident,
  ReplayedProgress,
  ReplayedStats,
} from "./replayed-breaker.ts";
