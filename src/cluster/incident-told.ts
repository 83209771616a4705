import type { Told } from "./effect.ts";
import { type ClusterRecord, isHeld } from "./record.ts";

/** What the writer of a record tells of it: the incident that this write began or ended; null when it did neither. */
export function incidentTold(key: string, record: ClusterRecord): Told | null {
  const { i: incident, ia, iv, t, v, fr } = record;
  if (isHeld(record)) return iv === v ? { what: "opened", key, record } : null;
  if (incident === "") return null;
  const by = fr === "probe" ? "probe" : "reset";
  return { what: "closed", key, record, incident, lastedMs: Math.max(0, t - ia), by };
}
