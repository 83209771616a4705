import { SnapshotError, type SnapshotErrorCode } from "./snapshot-error.ts";

/** A plain object of a snapshot, of which only own properties are read. */
export type SnapshotRecord = Readonly<Record<string, unknown>>;

/**
 * Leads a snapshot of one version to the form of the next. Pure: the older one stays as it is. What it relies on may be
 * damaged; what it makes is read as any snapshot is.
 */
export type Migration = (older: SnapshotRecord) => SnapshotRecord;

/** Reads a snapshot that may be damaged, or be anything at all: each fault is a `SnapshotError` that names its place. */
export class SnapshotReader {
  readonly #action: string;
  readonly #place: string;

  /** `place` is where the snapshot stands in what is read, for paths; empty when it is the whole. */
  constructor(action: string, place = "") {
    this.#action = action;
    this.#place = place;
  }

  /**
   * Runs what reads. A getter or a proxy that throws is a fault of the snapshot as well.
   * @throws {SnapshotError}
   */
  read<T>(body: () => T): T {
    try {
      return body();
    } catch (thrown) {
      if (thrown instanceof SnapshotError) throw thrown;
      return this.fail("", "readable, and its sums exact");
    }
  }

  /** The value of a JSON text; any other value is taken as it is. */
  parsed(snapshot: unknown, longest: number): unknown {
    if (typeof snapshot !== "string") return snapshot;
    if (snapshot.length > longest) {
      return this.fail("", `at most ${longest} characters long`, "ERR_SNAPSHOT_SIZE");
    }
    try {
      return JSON.parse(snapshot);
    } catch {
      return this.fail("", "JSON", "ERR_SNAPSHOT_JSON");
    }
  }

  /**
   * The whole of a snapshot of this kind, in the newest form: an older one is led through the migrations, of which
   * there is one for each version but the newest.
   */
  head(value: unknown, kind: string, migrations: readonly Migration[]): SnapshotRecord {
    const head = this.record("", value);
    if (own(head, "kind") !== kind) this.fail("kind", `"${kind}"`, "ERR_SNAPSHOT_KIND");
    const newest = migrations.length + 1;
    const version = own(head, "v");
    const isKnown = Number.isInteger(version) && Number(version) >= 1 && Number(version) <= newest;
    if (!isKnown) {
      const allowed = newest === 1 ? "1" : `1 to ${newest}`;
      this.fail("v", allowed, "ERR_SNAPSHOT_VERSION");
    }
    return migrations
      .slice(Number(version) - 1)
      .reduce((older, migrate) => this.record("", migrate(older)), head);
  }

  record(path: string, value: unknown): SnapshotRecord {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return this.fail(path, "an object");
    }
    // Any object may be read by key.
    return value as SnapshotRecord;
  }

  list(path: string, value: unknown, longest: number): readonly unknown[] {
    if (!Array.isArray(value)) return this.fail(path, "a list");
    if (value.length > longest) {
      return this.fail(path, `a list of at most ${longest}`, "ERR_SNAPSHOT_SIZE");
    }
    return value;
  }

  /** A whole number, 0 or more, that a Number holds exactly. */
  count(path: string, value: unknown): number {
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
    return this.fail(path, "a whole number, 0 or more");
  }

  number(path: string, value: unknown): number {
    if (typeof value === "number" && Number.isFinite(value)) return value;
    return this.fail(path, "a number");
  }

  text(path: string, value: unknown, longest: number): string {
    if (typeof value === "string" && value.length > 0 && value.length <= longest) return value;
    return this.fail(path, `a string of 1 to ${longest} characters`);
  }

  fail(path: string, allowed: string, code: SnapshotErrorCode = "ERR_SNAPSHOT_FORM"): never {
    const place = this.#place;
    const full = place === "" || path === "" ? `${place}${path}` : `${place}.${path}`;
    throw new SnapshotError({ action: this.#action, code, path: full, allowed });
  }
}

/** An own property: what a prototype brings in does not count. */
export function own(record: SnapshotRecord, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
