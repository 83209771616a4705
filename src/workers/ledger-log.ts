import type { Clock } from "../core/clock.ts";
import { isSnapshotError } from "../core/snapshot-error.ts";
import { own, SnapshotReader } from "../core/snapshot-reader.ts";
import { describeError } from "../events/describe-error.ts";
import type { EventBus } from "../events/event-bus.ts";
import { snapshotRejected } from "../events/snapshot-rejected.ts";
import { CreditLedger, type Reservation } from "../quota/credit-ledger.ts";
import { type CreditLedgerOptions, RESERVATION_MS } from "../quota/ledger-options.ts";
import { formatUsd } from "../quota/nano-usd.ts";
import type { Spend, Usage } from "../quota/spend-input.ts";
import type { DeniedModel, RecordedSpend } from "./owner-answer.ts";
import type { RowTable } from "./row-table.ts";

/** The pieces of a snapshot, and the spends since then, each in a row. */
const BASE = "ledger:";
const LOG = "spend:";
/** Each reservation that is not over. */
const HELD = "held:";
/** UTF-16 units of a piece: at three bytes each it fits into a row. */
const PIECE = 250_000;
const MOST_RESERVATIONS = 10_000;
const LONGEST_ROW = 65_536;
/** The log is folded into a new snapshot when it has so many spends, and is as long as the snapshot. */
const FOLD_AT = 1_000;

type LedgerOptions = Omit<CreditLedgerOptions, "bus" | "writer"> &
  Required<Pick<CreditLedgerOptions, "clock">>;

/**
 * A ledger of which every spend is a row before anybody is told: what was acknowledged is there when the object comes
 * back, however it ended. A spend costs one row; the snapshot is written anew whenever the log has become as long.
 */
export class LedgerLog {
  readonly ledger: CreditLedger;
  readonly #table: RowTable;
  readonly #clock: Pick<Clock, "epochMs">;
  /** What calls under way may use. Each has a row: an object that nobody asks for ten seconds is put out of memory. */
  readonly #reservations = new Map<string, Reservation>();
  readonly #reservationMs: number;
  #telling = false;
  #seq = 0;
  #logged = { rows: 0, length: 0 };
  #baseLength = 0;

  constructor(table: RowTable, options: LedgerOptions, bus: EventBus | undefined) {
    this.#table = table;
    this.#clock = options.clock;
    this.#reservationMs = options.reservationMs ?? RESERVATION_MS;
    // One object at a time has the storage, and goes on from all of it: it may keep its name.
    const named = { ...options, writer: "owner" };
    this.ledger = new CreditLedger(bus === undefined ? named : { ...named, bus: this.#gate(bus) });
    this.#load(bus);
    this.#telling = true;
  }

  /** Records a spend; its row is written with whatever else the step writes. */
  record(spend: Spend & { readonly id: string }): RecordedSpend {
    const { id } = spend;
    const atMs = spend.atMs ?? this.#clock.epochMs();
    let recorded: ReturnType<CreditLedger["record"]>;
    try {
      recorded = this.ledger.record({ ...spend, atMs });
    } catch (thrown) {
      // A spend that no ledger could record must not keep others from being recorded.
      const refused = describeError(thrown).message;
      return { id, counted: false, nanoUsd: 0, priced: false, refused };
    }
    if (recorded.counted) {
      // With the price of now: another price table must not change what was spent.
      const text = JSON.stringify({ ...spend, atMs, usd: formatUsd(recorded.nanoUsd) });
      this.#table.put(`${LOG}${String(++this.#seq).padStart(12, "0")}`, text);
      this.#logged = {
        rows: this.#logged.rows + 1,
        length: this.#logged.length + text.length,
      };
    }
    const { counted, nanoUsd, priced } = recorded;
    return { id, counted, nanoUsd, priced, refused: null };
  }

  /**
   * Holds what a call may use; the id of the reservation, or why it was refused.
   * @throws {TypeError|RangeError} naming the field that cannot be used
   */
  reserve(usage: Usage): string | DeniedModel {
    const reservation = this.ledger.reserve(usage);
    const { provider, model } = usage;
    if (!reservation.ok) {
      const { reason, budget, retryAfterMs } = reservation;
      return { provider, model, reason, budget, retryAfterMs };
    }
    const id = crypto.randomUUID();
    this.#reservations.set(id, reservation);
    const atMs = this.#clock.epochMs();
    const held = { usage: { ...usage, usd: formatUsd(reservation.nanoUsd) }, atMs };
    this.#table.put(`${HELD}${id}`, JSON.stringify(held));
    // The ledger ends them by itself after `reservationMs`; what is kept here is only their names.
    if (this.#reservations.size > MOST_RESERVATIONS) {
      for (const oldest of this.#reservations.keys()) {
        this.#forget(oldest);
        break;
      }
    }
    return id;
  }

  /** Gives back what a call had reserved: what it used is recorded. */
  release(id: string): void {
    const reservation = this.#reservations.get(id);
    if (reservation === undefined) return;
    reservation.release();
    this.#forget(id);
  }

  #forget(id: string): void {
    this.#reservations.delete(id);
    this.#table.delete(`${HELD}${id}`);
  }

  /** Puts a snapshot in the place of the log when that has become long. */
  fold(): void {
    const { rows, length } = this.#logged;
    if (rows < FOLD_AT || length < this.#baseLength || !this.ledger.known) return;
    const text = JSON.stringify(this.ledger.snapshot());
    this.#table.deleteBeginningWith(BASE);
    for (const [n, piece] of pieces(text).entries()) {
      this.#table.put(`${BASE}${String(n).padStart(6, "0")}`, piece);
    }
    this.#table.deleteBeginningWith(LOG);
    this.#logged = { rows: 0, length: 0 };
    this.#baseLength = text.length;
  }

  /** What cannot be read leaves the ledger unknown, which is told once, and the rows as they are. */
  #load(bus: EventBus | undefined): void {
    let base = "";
    for (const [, piece] of this.#table.beginningWith(BASE)) base += piece;
    this.#baseLength = base.length;
    let known = true;
    const read = (subject: string, body: () => void): void => {
      try {
        body();
      } catch (thrown) {
        if (known) this.#tellRejected(bus, subject, thrown);
        known = false;
      }
    };
    if (base !== "") read("ledger", () => this.ledger.restore(base));
    for (const [key, text] of this.#table.beginningWith(LOG)) {
      this.#seq = Number(key.slice(LOG.length));
      this.#logged = {
        rows: this.#logged.rows + 1,
        length: this.#logged.length + text.length,
      };
      read(key, () => void this.ledger.record(spendOf(text)));
    }
    this.#loadReservations();
    if (!known) this.ledger.markUnknown();
  }

  #tellRejected(bus: EventBus | undefined, subject: string, thrown: unknown): void {
    if (bus?.has("state.rejected") !== true) return;
    const { code, path } = isSnapshotError(thrown)
      ? thrown
      : { code: "ERR_SNAPSHOT_FORM", path: "" };
    const told = { atMs: this.#clock.epochMs(), instance: bus.instance };
    bus.emit(snapshotRejected({ source: "durable object", subject, code, path }, told));
  }

  /** Holds again what calls that are still under way may use; what is over, damaged or does not fit holds nothing. */
  #loadReservations(): void {
    const nowMs = this.#clock.epochMs();
    for (const [key, text] of [...this.#table.beginningWith(HELD)]) {
      try {
        const { usage, atMs } = heldOf(text);
        const reservation = nowMs - atMs < this.#reservationMs ? this.ledger.reserve(usage) : null;
        if (reservation?.ok === true) {
          this.#reservations.set(key.slice(HELD.length), reservation);
          continue;
        }
      } catch {
        // Damaged: what the call uses is recorded all the same.
      }
      this.#table.delete(key);
    }
  }

  /** Spends that are recorded again after a restart were told before it. */
  #gate(bus: EventBus): EventBus {
    const { instance } = bus;
    const gate: EventBus = {
      emit: (event) => bus.emit(event),
      on: (type, listener, options) => bus.on(type, listener, options),
      has: (type) => this.#telling && bus.has(type),
    };
    return instance === undefined ? gate : { ...gate, instance };
  }
}

/** @throws {SnapshotError|TypeError|RangeError} when the row is damaged, by the ledger's own check at the latest */
function spendOf(text: string): Spend {
  const reader = new SnapshotReader("restore spend");
  const spend = reader.record("", reader.parsed(text, LONGEST_ROW));
  reader.text("usd", own(spend, "usd"), LONGEST_ROW);
  // The ledger checks every field of what it records.
  return spend as unknown as Spend;
}

/** @throws {SnapshotError} when the row is damaged; the ledger checks the usage */
function heldOf(text: string): { readonly usage: Usage; readonly atMs: number } {
  const reader = new SnapshotReader("restore reservation");
  const held = reader.record("", reader.parsed(text, LONGEST_ROW));
  const usage = reader.record("usage", own(held, "usage"));
  // The ledger checks every field of what it reserves.
  return { usage: usage as unknown as Usage, atMs: reader.number("atMs", own(held, "atMs")) };
}

function pieces(text: string): string[] {
  const cut: string[] = [];
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + PIECE);
    // Not between the halves of a surrogate pair: SQLite keeps UTF-8.
    if (to < text.length && /[\uD800-\uDBFF]/.test(text[to - 1] ?? "")) to--;
    cut.push(text.slice(from, to));
    from = to;
  }
  return cut;
}
