import type { RemoteView } from "../core/remote-calls.ts";
import { own, SnapshotReader, type SnapshotRecord } from "../core/snapshot-reader.ts";
import { STATES } from "../events/vocabulary.ts";

/** What an owner says of one breaker; moments in it count from `takenAtMs` on. */
export type BreakerVerdict = RemoteView;

/** A provider that is out of quota. */
export interface Exhausted {
  readonly provider: string;
  /** For how long still, from `takenAtMs` on. */
  readonly forMs: number;
}

/** A model that a call may not use now, because of a hard budget or a rate limit. */
export interface DeniedModel {
  readonly provider: string;
  readonly model: string;
  readonly reason: string;
  /** The budget that is used up; null for a rate limit. */
  readonly budget: string | null;
  readonly retryAfterMs: number | null;
}

/** What became of a spend, as the owner's ledger says. */
export interface RecordedSpend {
  readonly id: string;
  /** False when its id was known, and nothing was added. */
  readonly counted: boolean;
  readonly nanoUsd: number;
  readonly priced: boolean;
  /** Why the ledger refused it; null when it did not. */
  readonly refused: string | null;
}

/** Everything that an owner says in one answer. Plain data, version 1. */
export interface OwnerAnswer {
  readonly kind: "telltale.owner";
  readonly v: 1;
  readonly owner: string;
  /** On the owner's wall clock. */
  readonly takenAtMs: number;
  readonly breakers: Readonly<Record<string, BreakerVerdict>>;
  readonly exhausted: readonly Exhausted[];
  readonly denied: readonly DeniedModel[];
  /** The permit of a probe that was asked for; null when none was free. */
  readonly permit: string | null;
  /** The reservation that was asked for; null when it was refused, or none was asked for. */
  readonly reservation: string | null;
  /** Why a reservation was refused; null when it was not. */
  readonly unreserved: DeniedModel | null;
  /** What became of the spends that were reported with the question. */
  readonly recorded: readonly RecordedSpend[];
}

export const OWNER_KIND = "telltale.owner";
const LONGEST_JSON = 4 * 1024 * 1024;
const MOST = 10_000;
const LONGEST_NAME = 256;
const LONGEST_REASON = 1_024;

/**
 * Reads an answer, or its JSON text: it may come from another version of the Worker, or from a store.
 * @throws {SnapshotError} when it cannot be used
 */
export function readAnswer(action: string, given: unknown): OwnerAnswer {
  const reader = new SnapshotReader(action);
  return reader.read(() => {
    const head = reader.head(reader.parsed(given, LONGEST_JSON), OWNER_KIND, []);
    return new AnswerReader(reader).answer(head);
  });
}

class AnswerReader {
  readonly #reader: SnapshotReader;

  constructor(reader: SnapshotReader) {
    this.#reader = reader;
  }

  answer(head: SnapshotRecord): OwnerAnswer {
    const breakers = this.#reader.record("breakers", own(head, "breakers"));
    const unreserved = own(head, "unreserved");
    return {
      kind: OWNER_KIND,
      v: 1,
      owner: this.#name(head, "", "owner"),
      takenAtMs: this.#reader.number("takenAtMs", own(head, "takenAtMs")),
      breakers: Object.fromEntries(
        Object.keys(breakers).map((name) => {
          const path = `breakers.${name}`;
          return [name, this.#verdict(path, this.#reader.record(path, own(breakers, name)))];
        }),
      ),
      exhausted: this.#list(head, "exhausted", (one, path) => ({
        provider: this.#name(one, path, "provider"),
        forMs: this.#reader.number(`${path}forMs`, own(one, "forMs")),
      })),
      denied: this.#list(head, "denied", (one, path) => this.#denied(one, path)),
      permit: this.#textOrNull(head, "", "permit"),
      reservation: this.#textOrNull(head, "", "reservation"),
      unreserved:
        unreserved === null
          ? null
          : this.#denied(this.#reader.record("unreserved", unreserved), "unreserved."),
      recorded: this.#list(head, "recorded", (one, path) => ({
        id: this.#name(one, path, "id"),
        counted: own(one, "counted") === true,
        nanoUsd: this.#reader.count(`${path}nanoUsd`, own(one, "nanoUsd")),
        priced: own(one, "priced") === true,
        refused: this.#textOrNull(one, path, "refused"),
      })),
    };
  }

  #denied(one: SnapshotRecord, path: string): DeniedModel {
    return {
      provider: this.#name(one, path, "provider"),
      model: this.#name(one, path, "model"),
      reason: this.#reader.text(`${path}reason`, own(one, "reason"), LONGEST_REASON),
      budget: this.#textOrNull(one, path, "budget"),
      retryAfterMs: this.#msOrNull(one, path, "retryAfterMs"),
    };
  }

  #verdict(at: string, verdict: SnapshotRecord): BreakerVerdict {
    const path = `${at}.`;
    const state = STATES.find((word) => word === own(verdict, "state"));
    const share = this.#reader.number(`${path}trafficShare`, own(verdict, "trafficShare"));
    return {
      state: state ?? this.#reader.fail(`${path}state`, STATES.join(" or ")),
      generation: this.#reader.count(`${path}generation`, own(verdict, "generation")),
      retryAfterMs: this.#msOrNull(verdict, path, "retryAfterMs"),
      trafficShare: Math.min(1, Math.max(0, share)),
      shedAs: own(verdict, "shedAs") === "ramping" ? "ramping" : "degraded",
      openMs: this.#reader.number(`${path}openMs`, own(verdict, "openMs")),
      skipsSinceOpened: this.#reader.count(
        `${path}skipsSinceOpened`,
        own(verdict, "skipsSinceOpened"),
      ),
      incidentId: this.#textOrNull(verdict, path, "incidentId"),
      consecutiveFailures: this.#reader.count(
        `${path}consecutiveFailures`,
        own(verdict, "consecutiveFailures"),
      ),
      latencyTripMs: this.#msOrNull(verdict, path, "latencyTripMs"),
    };
  }

  #list<T>(
    head: SnapshotRecord,
    field: string,
    read: (one: SnapshotRecord, path: string) => T,
  ): readonly T[] {
    return this.#reader
      .list(field, own(head, field), MOST)
      .map((one, n) => read(this.#reader.record(`${field}[${n}]`, one), `${field}[${n}].`));
  }

  #name(record: SnapshotRecord, path: string, field: string): string {
    return this.#reader.text(`${path}${field}`, own(record, field), LONGEST_NAME);
  }

  #textOrNull(record: SnapshotRecord, path: string, field: string): string | null {
    const given = own(record, field);
    return given === null ? null : this.#reader.text(`${path}${field}`, given, LONGEST_REASON);
  }

  #msOrNull(record: SnapshotRecord, path: string, field: string): number | null {
    const given = own(record, field);
    if (given === null) return null;
    return Math.max(0, this.#reader.number(`${path}${field}`, given));
  }
}
