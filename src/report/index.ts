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
export { renderIncidents } from "./render-incidents.ts";
