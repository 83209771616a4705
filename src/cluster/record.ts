/**
 * What the cluster knows of one breaker or quota. All times are milliseconds of the store's clock. Only the store
 * numbers records; a task applies one if and only if it is strictly newer, so that duplicates and reordering are
 * no-ops.
 */
export interface ClusterRecord {
  /** Epoch: grows on reset only. A forced open holds within its epoch, and no later message of that epoch clears it. */
  readonly e: number;
  /** 1 when forced open. */
  readonly f: 0 | 1;
  /** Version: grows with every write. */
  readonly v: number;
  readonly s: RecordState;
  /** Open until; 0 when closed, and when forced without an end. */
  readonly ou: number;
  /** Which task holds the probe lease; empty when none does. */
  readonly pl: string;
  /** Until when it holds it. */
  readonly pu: number;
  /** Why it was opened or forced, as the task said; what closed it: `reset` or `probe`. */
  readonly fr: string;
  /** When it was forced; 0 when it is not. */
  readonly fa: number;
  /** The incident; when closed the one that this write ended; empty when there is none. */
  readonly i: string;
  /** When the incident began; 0 when there is none. */
  readonly ia: number;
  /** The version that began it: whoever wrote that version tells of it. */
  readonly iv: number;
  /** Which task wrote it. */
  readonly o: string;
  /** When it was written. */
  readonly t: number;
}

/** The states of a record. */
export const RECORD_STATES = ["closed", "half_open", "open"] as const;
type RecordState = (typeof RECORD_STATES)[number];

/** What is known of a name that nobody wrote. */
export const NOTHING: ClusterRecord = Object.freeze({
  e: 0,
  f: 0,
  v: 0,
  s: "closed",
  ou: 0,
  pl: "",
  pu: 0,
  fr: "",
  fa: 0,
  i: "",
  ia: 0,
  iv: 0,
  o: "",
  t: 0,
});

/** The numbers that order records. */
export type Basis = Pick<ClusterRecord, "e" | "v">;

/** Above 0 when `a` is newer than `b`, 0 when neither is. The Lua scripts compare in the same order. */
export function compareRecords(a: ClusterRecord, b: ClusterRecord): number {
  return (
    a.e - b.e ||
    a.f - b.f ||
    a.v - b.v ||
    RECORD_STATES.indexOf(a.s) - RECORD_STATES.indexOf(b.s) ||
    a.ou - b.ou
  );
}

/** Whether calls are refused by it: open, half open or forced. */
export function isHeld({ f, s }: ClusterRecord): boolean {
  return f === 1 || s !== "closed";
}

/** Whether a forced open has no end. */
export function isEndless({ f, ou }: ClusterRecord): boolean {
  return f === 1 && ou === 0;
}

/** What a record is about: a breaker, a provider's quota, or who may do something for the fleet. */
export type KeyKind = "breaker" | "quota" | "lease";
const PREFIXES: Readonly<Record<KeyKind, string>> = { breaker: "b:", quota: "q:", lease: "l:" };

const KINDS: readonly KeyKind[] = ["breaker", "quota", "lease"];

/** The name under which the store keeps it. */
export function keyOf(kind: KeyKind, name: string): string {
  return PREFIXES[kind] + name;
}

/** The kind and the name that a key stands for. */
export function nameOf(key: string): { readonly kind: KeyKind; readonly name: string } {
  const kind = KINDS.find((known) => key.startsWith(PREFIXES[known])) ?? "breaker";
  return { kind, name: key.slice(2) };
}

/** The longest name of a breaker, as the core takes them. */
const LONGEST_NAME = 256;

/** Whether a text can be a key. */
export function isKey(key: unknown): key is string {
  return (
    typeof key === "string" &&
    key.length > 2 &&
    key.length <= LONGEST_NAME + 2 &&
    KINDS.some((kind) => key.startsWith(PREFIXES[kind]))
  );
}
