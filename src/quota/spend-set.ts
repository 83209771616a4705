import {
  addTo,
  checkSum,
  copied,
  type GrowingTotals,
  NOTHING,
  type SpendTotals,
} from "./spend-totals.ts";

/** One spend that may still be sent again. */
export interface SpendEntry {
  /** Its number among the spends of its writer, from 1. */
  readonly seq: number;
  /** What tells a repeated send from another spend; null when the caller gave none. */
  readonly id: string | null;
  /** The rows that it is added to: such as its month and its day, each with provider and model. */
  readonly rows: readonly string[];
  /** {@link NOTHING} when another writer recorded the same id. */
  readonly spent: SpendTotals;
  readonly atMs: number;
}

/** All that one writer recorded: the oldest spends added up, the newest one by one. */
export interface WriterState {
  /** The spends up to this number are in `rows`, those after it in `entries`. */
  readonly folded: number;
  readonly rows: ReadonlyMap<string, SpendTotals>;
  /** By rising number, without gaps. */
  readonly entries: readonly SpendEntry[];
}

/** Sums by row, which belong to one holder. */
type Sums = Map<string, GrowingTotals>;

interface Writer {
  folded: number;
  rows: Sums;
  entries: SpendEntry[];
  /** Where the entries begin: those before it were folded and go when they are half of the list. */
  head: number;
}

/** A writer that was silent for so many windows has its old spends added up by the others. */
const SILENT_WINDOWS = 2;

/** How long ids are kept. */
export interface SpendWindow {
  /** A repeated send is told for so long. Milliseconds. */
  readonly durationMs: number;
  /** And among at most so many of the newest spends of a writer. */
  readonly entries: number;
}

/**
 * The spends of several writers, each counted once. Writers record apart from each other and merge what they hold, in
 * any order and as often as they like: the result is the same (a state-based CRDT: per writer the longest history wins).
 * The same id recorded by two writers counts for the one whose name sorts first, as long as they merge within the
 * window; the other's entry is emptied.
 */
export class SpendSet {
  readonly #window: SpendWindow;
  readonly #writers = new Map<string, Writer>();
  /** Whose entry holds an id. */
  readonly #ids = new Map<string, string>();
  /** The sum over all writers, by row. */
  #totals: Sums = new Map();

  constructor(window: SpendWindow) {
    this.#window = window;
  }

  /**
   * Records a spend of `writer`. False when its id is known: then nothing is added.
   * @throws {RangeError} when a sum is no longer exact; nothing is added then
   */
  record(writer: string, spend: Omit<SpendEntry, "seq">): boolean {
    const { id, rows, spent, atMs } = spend;
    const own = this.#writer(writer);
    this.#fold(writer, own, atMs);
    if (id !== null && this.#ids.has(id)) return false;
    for (const row of rows) checkSum(this.#totals.get(row) ?? NOTHING, spent);
    addToRows(this.#totals, rows, spent);
    if (id === null && own.entries.length === own.head) {
      own.folded++;
      addToRows(own.rows, rows, spent);
      return true;
    }
    const seq = own.folded + (own.entries.length - own.head) + 1;
    own.entries.push({ seq, id, rows, spent, atMs });
    if (id !== null) this.#ids.set(id, writer);
    return true;
  }

  /** Whether a spend of this id is known. */
  knows(id: string): boolean {
    return this.#ids.has(id);
  }

  /** The sum of a row over all writers. */
  total(row: string): SpendTotals {
    return copied(this.#totals.get(row) ?? NOTHING);
  }

  /** Every row that anything was recorded in, with its sum, which goes on to grow: copy what is kept. */
  rows(): ReadonlyMap<string, SpendTotals> {
    return this.#totals;
  }

  /** What each writer recorded, as `merge` takes it. */
  states(): ReadonlyMap<string, WriterState> {
    return new Map([...this.#writers].map(([name, writer]) => [name, stateOf(writer)]));
  }

  /**
   * Takes in what writers recorded elsewhere. All or nothing.
   * @throws {RangeError} when a sum is no longer exact
   */
  merge(states: ReadonlyMap<string, WriterState>): void {
    const merged = new Map<string, Writer>();
    for (const [name, mine] of this.#writers) merged.set(name, copyOf(stateOf(mine)));
    for (const [name, theirs] of states) {
      const mine = merged.get(name);
      merged.set(name, copyOf(mine === undefined ? theirs : joined(stateOf(mine), theirs)));
    }
    const { ids, totals } = settled(merged);
    this.#writers.clear();
    this.#ids.clear();
    for (const [name, writer] of merged) this.#writers.set(name, writer);
    for (const [id, name] of ids) this.#ids.set(id, name);
    this.#totals = totals;
  }

  /**
   * Adds up the old spends of the writers other than `own`, who may never come back to do it. Whoever merges within the
   * window has the same result by then.
   */
  foldSilent(own: string, nowMs: number): void {
    for (const [name, writer] of this.#writers) {
      if (name !== own) this.#fold(name, writer, nowMs, SILENT_WINDOWS);
    }
  }

  /** Forgets the rows that `isOver` names, and writers other than `own` that have nothing left. */
  prune(isOver: (row: string) => boolean, own?: string): void {
    const held = new Set<string>();
    for (const [name, writer] of this.#writers) {
      const { rows, entries, head } = writer;
      for (const row of rows.keys()) if (isOver(row)) rows.delete(row);
      for (const entry of entries.slice(head)) for (const row of entry.rows) held.add(row);
      if (rows.size === 0 && entries.length === head && name !== own) this.#writers.delete(name);
    }
    for (const row of this.#totals.keys()) {
      if (isOver(row) && !held.has(row)) this.#totals.delete(row);
    }
  }

  #writer(name: string): Writer {
    let writer = this.#writers.get(name);
    if (writer === undefined) {
      writer = { folded: 0, rows: new Map(), entries: [], head: 0 };
      this.#writers.set(name, writer);
    }
    return writer;
  }

  /** Adds up the spends that are too old, or too many, to be told from a repeated send. */
  #fold(name: string, writer: Writer, nowMs: number, windows = 1): void {
    const { durationMs, entries: most } = this.#window;
    const { entries } = writer;
    for (; writer.head < entries.length; writer.head++) {
      const entry = entries[writer.head];
      if (entry === undefined) break;
      const kept = entries.length - writer.head < most * windows;
      if (kept && nowMs - entry.atMs < durationMs * windows) break;
      addToRows(writer.rows, entry.rows, entry.spent);
      this.#forget(entry, name);
      writer.folded = entry.seq;
    }
    if (writer.head * 2 > entries.length) {
      entries.splice(0, writer.head);
      writer.head = 0;
    }
  }

  #forget({ id }: SpendEntry, name: string): void {
    if (id === null) return;
    // A single writer has every id.
    if (this.#writers.size === 1 || this.#ids.get(id) === name) this.#ids.delete(id);
  }
}

const stateOf = ({ folded, rows, entries, head }: Writer): WriterState => ({
  folded,
  rows: copiesOf(rows),
  entries: entries.slice(head),
});

/** @throws {RangeError} when a sum is no longer exact; the rows before it have grown then */
function addToRows(sums: Sums, rows: readonly string[], spent: SpendTotals): void {
  for (const row of rows) {
    const sum = sums.get(row);
    if (sum === undefined) sums.set(row, copied(spent));
    else addTo(sum, spent);
  }
}

function copyOf({ folded, rows, entries }: WriterState): Writer {
  return { folded, rows: copiesOf(rows), entries: [...entries], head: 0 };
}

function copiesOf(rows: ReadonlyMap<string, SpendTotals>): Sums {
  const copies: Sums = new Map();
  for (const [row, spent] of rows) copies.set(row, copied(spent));
  return copies;
}

/** The longer history of one writer; an entry that one side knows to be a repetition is one. */
function joined(mine: WriterState, theirs: WriterState): WriterState {
  const [ahead, behind] = mine.folded >= theirs.folded ? [mine, theirs] : [theirs, mine];
  const entries = new Map(ahead.entries.map((entry) => [entry.seq, entry]));
  for (const entry of behind.entries) {
    if (entry.seq <= ahead.folded) continue;
    const known = entries.get(entry.seq);
    if (known === undefined || isNothing(entry.spent)) entries.set(entry.seq, entry);
  }
  const rising = [...entries.values()].sort((a, b) => a.seq - b.seq);
  const rows = mine.folded === theirs.folded ? sameRows(mine.rows, theirs.rows) : ahead.rows;
  return { folded: ahead.folded, rows, entries: rising };
}

/** Rows of the same spends: the side that has less in one knew of a repetition; the side that has none has pruned it. */
function sameRows(
  mine: ReadonlyMap<string, SpendTotals>,
  theirs: ReadonlyMap<string, SpendTotals>,
): ReadonlyMap<string, SpendTotals> {
  const rows = new Map(mine);
  for (const [row, spent] of theirs) {
    const known = rows.get(row);
    if (known === undefined || weight(spent) < weight(known)) rows.set(row, spent);
  }
  return rows;
}

const weight = ({ nano, requests }: SpendTotals): number => nano + requests;

/** Empties the entries whose id another writer has, and adds everything up. */
function settled(writers: ReadonlyMap<string, Writer>): {
  readonly ids: Map<string, string>;
  readonly totals: Sums;
} {
  const ids = new Map<string, string>();
  const totals: Sums = new Map();
  for (const name of [...writers.keys()].sort()) {
    const writer = writers.get(name);
    if (writer === undefined) continue;
    for (const [row, spent] of writer.rows) addToRows(totals, [row], spent);
    writer.entries = writer.entries.map((entry) => {
      if (entry.id === null) return entry;
      if (ids.has(entry.id)) return { ...entry, spent: NOTHING };
      ids.set(entry.id, name);
      return entry;
    });
    for (const { rows, spent } of writer.entries) addToRows(totals, rows, spent);
  }
  return { ids, totals };
}

function isNothing({ nano, requests, tokens }: SpendTotals): boolean {
  return nano === 0 && requests === 0 && Object.values(tokens).every((count) => count === 0);
}
