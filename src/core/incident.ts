/** From the first open to the next close; spans failed probes. The reason it began with is in the event of that open. */
export class Incident {
  readonly id: string;
  readonly startedMs: number;
  readonly startedAtMs: number;
  /** The last open, on the monotonic clock. */
  openedMs: number;
  skips = 0;
  skipsSinceOpened = 0;
  probes = 0;
  reopens = 0;

  constructor(id: string, nowMs: number, atMs: number) {
    this.id = id;
    this.startedMs = nowMs;
    this.startedAtMs = atMs;
    this.openedMs = nowMs;
  }

  /** A further open inside the incident: a failed probe, or a forced open. */
  openAgain(nowMs: number): void {
    this.openedMs = nowMs;
    this.skipsSinceOpened = 0;
  }

  skip(): void {
    this.skips++;
    this.skipsSinceOpened++;
  }

  openMs(nowMs: number): number {
    return Math.max(0, nowMs - this.openedMs);
  }
}

const RANDOM_DIGITS = 8;

/**
 * An id that sorts by time: the moment in base 36, then digits that tell instances apart.
 * `chance` is a number in [0, 1).
 */
export function incidentIdOf(atMs: number, chance: number): string {
  const digits = Math.floor(chance * 36 ** RANDOM_DIGITS).toString(36);
  return `${Math.max(0, Math.floor(atMs)).toString(36)}-${digits.padStart(RANDOM_DIGITS, "0")}`;
}

/** An incident of the fleet: it began when the fleet's did, so that all tasks tell the same length. */
export function incidentSince(
  { incidentId, ageMs }: { readonly incidentId: string; readonly ageMs: number },
  {
    nowMs,
    atMs,
    chance,
  }: { readonly nowMs: number; readonly atMs: number; readonly chance: number },
): Incident {
  const id = incidentId === "" ? incidentIdOf(atMs - ageMs, chance) : incidentId;
  return new Incident(id, nowMs - ageMs, atMs - ageMs);
}
