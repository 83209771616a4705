import { cyrb53 } from "./hash.ts";
import { incidentTold } from "./incident-told.ts";
import { operationOf } from "./intended-operation.ts";
import { again, compose, type HoldIntent, type Intent } from "./intent.ts";
import type { Evidence, LocalOpen, LocalReset, NamesHost } from "./names-host.ts";
import type { Answer, Entry } from "./operation.ts";
import {
  type ClusterRecord,
  compareRecords,
  isEndless,
  isHeld,
  NOTHING,
  nameOf,
} from "./record.ts";
import { rebased, type Slot } from "./slot.ts";
import { SlotTable } from "./slot-table.ts";
import { LONGEST_OPEN_MS } from "./store-rules.ts";

/** The rules of the single names: what is known of each, what is wanted of it, and what its breaker is to do. */
export class Names {
  readonly #host: NamesHost;
  readonly slots: SlotTable;

  constructor(host: NamesHost) {
    this.#host = host;
    this.slots = new SlotTable(host.settings.nameLimit);
  }

  // What is known

  get waiting(): number {
    let waiting = 0;
    for (const slot of this.slots) if (slot.intent !== null) waiting++;
    return waiting;
  }

  /** There is a breaker of this name from now on; one that is open already is so by itself. */
  track(key: string, nowMs: number, isOpen: boolean): void {
    const slot = this.slots.own(key);
    if (!this.slots.track(slot)) return;
    slot.local = isOpen ? "open" : "free";
    slot.alone = isOpen;
    slot.adopted = NOTHING;
    this.align(slot, nowMs);
  }

  /** Takes a record that the store has shown. */
  learn(slot: Slot, record: ClusterRecord, nowMs: number): void {
    const { settings } = this.#host;
    if (record.o === settings.self) this.#announce(slot, record);
    const { known } = slot;
    if (settings.protections.order ? !this.isNewer(record, known) : isSame(record, known)) return;
    slot.known = record;
    slot.incidents = 0;
    slot.soloProbeMs = null;
    slot.token = null;
    if (record.e > known.e) this.#enterEpoch(slot, record);
    this.align(slot, nowMs);
  }

  isNewer(record: ClusterRecord, known: ClusterRecord): boolean {
    if (this.#host.settings.protections.stickyForce) return compareRecords(record, known) > 0;
    return compareRecords({ ...record, f: 0 }, { ...known, f: 0 }) > 0;
  }

  #enterEpoch(slot: Slot, record: ClusterRecord): void {
    if (record.o === this.#host.settings.self && slot.resetsHere) {
      // Our own reset: what was opened here after it is evidence of the epoch that it began.
      const { flight, waiting } = slot;
      if (flight?.intent.want === "reset" && !flight.cancelled) {
        flight.done = true;
        if (waiting !== null) slot.waiting = rebased(waiting, record);
      } else if (waiting?.want === "reset") {
        slot.waiting = waiting.after === null ? null : rebased(waiting.after, record);
        this.#settle(slot.tickets.splice(0), record);
      }
      return;
    }
    slot.fence++;
    slot.waiting = null;
    slot.alone = false;
    this.#settle(slot.tickets.splice(0), record);
    if (slot.flight !== null) slot.flight.cancelled = true;
  }

  /** The writer tells of an incident that its write began or ended, whichever way it hears of it first. */
  #announce(slot: Slot, record: ClusterRecord): void {
    if (record.v <= slot.announced) return;
    slot.announced = record.v;
    const told = incidentTold(slot.key, record);
    if (told !== null) this.#host.push({ do: "tell", told });
  }

  // What the breaker is to do

  /** Brings the breaker in line with what is known, unless something newer was wanted here. */
  align(slot: Slot, nowMs: number, insist = false): void {
    if (!slot.tracked) return;
    const { known, adopted, intent } = slot;
    const outranked = intent?.want === "open" && known.f === 1;
    const answered = slot.waiting?.want === "open" && slot.flight === null && isHeld(known);
    if (outranked || answered) slot.waiting = null;
    else if (intent !== null) return;
    if (outranked && slot.flight !== null) slot.flight.cancelled = true;
    const afresh = known.e > adopted.e;
    const isOurs = known.o === this.#host.settings.self;
    if (!isHeld(known)) {
      slot.adopted = known;
      const isOwnAffair = slot.alone && !afresh;
      // What we wrote ourselves was done here before.
      if (isOwnAffair || (slot.local === "free" && (!afresh || isOurs))) return;
      slot.local = "free";
      slot.alone = false;
      this.#host.push({ do: "release", key: slot.key, record: known, afresh });
      return;
    }
    slot.alone = false;
    const want = known.f === 1 ? "forced" : "open";
    const isWanted = slot.local === want && !insist;
    if (isWanted && (known === adopted || isOurs)) {
      slot.adopted = known;
      return;
    }
    slot.adopted = known;
    slot.local = want;
    this.#hold(slot, nowMs, afresh);
    if (!this.#host.settings.protections.silence && !isOurs) this.#reannounce(slot, nowMs);
  }

  #hold(slot: Slot, nowMs: number, afresh: boolean): void {
    const { key, known: record } = slot;
    // When a quota is there again is a fact, the end of a force a decision, and neither the guess of a breaker: only the
    // store bounds them.
    const isGuess = nameOf(key).kind === "breaker" && record.f === 0;
    const longestOpenMs = isGuess ? this.#host.settings.longestOpenMs : LONGEST_OPEN_MS;
    const serverMs = this.#host.serverMs(nowMs);
    const leftMs = Math.min(Math.max(0, record.ou - serverMs), longestOpenMs);
    const remainingMs = isEndless(record) ? Number.POSITIVE_INFINITY : leftMs;
    const ageMs = record.ia === 0 ? 0 : Math.max(0, serverMs - record.ia);
    this.#host.push({ do: "hold", key, remainingMs, record, ageMs, afresh });
  }

  /** The bug of the eleven hours, which only a simulation can ask for. */
  #reannounce(slot: Slot, nowMs: number): void {
    const { f, fr: note, i: incident } = slot.known;
    const forMs = isEndless(slot.known) ? Number.POSITIVE_INFINITY : 1_000;
    const want = f === 1 ? "force" : "open";
    this.#want(slot, this.#holdIntent(slot, want, { forMs, note, incident }, nowMs), nowMs);
  }

  // What happened here

  /** What a call or a check that begins now will be evidence of. */
  evidence(key: string): Evidence {
    const slot = this.slots.peek(key);
    return { fence: slot?.fence ?? 0, epoch: slot?.known.e ?? 0 };
  }

  /** Whether a reset has taken the force of it. */
  isStale(key: string, { fence }: Evidence): boolean {
    return this.#host.settings.protections.fence && fence !== (this.slots.peek(key)?.fence ?? 0);
  }

  /** The breaker tripped, or its probe failed. */
  tripped(key: string, open: LocalOpen, nowMs: number): void {
    const slot = this.slots.own(key);
    slot.local = "open";
    slot.soloProbeMs = null;
    const { token } = slot;
    if (token === null) {
      this.#want(slot, this.#holdIntent(slot, "open", open, nowMs), nowMs);
      return;
    }
    slot.token = null;
    const base = { e: token.e, v: token.v };
    this.#want(slot, { want: "result", base, ok: false, forMs: open.forMs }, nowMs);
  }

  /** The breaker was forced open. False when the evidence has lost its force; then nothing is to happen. */
  forced(key: string, open: LocalOpen & { ticket?: number }, nowMs: number): boolean {
    if (open.evidence !== undefined && this.isStale(key, open.evidence)) return false;
    const slot = this.slots.own(key);
    slot.local = "forced";
    slot.token = null;
    slot.alone = false;
    if (open.ticket !== undefined) slot.tickets.push(open.ticket);
    this.#want(slot, this.#holdIntent(slot, "force", open, nowMs), nowMs);
    return true;
  }

  /** The breaker was reset. */
  reset(key: string, { ticket = null, note = "" }: LocalReset, nowMs: number): void {
    const slot = this.slots.own(key);
    slot.fence++;
    slot.local = "free";
    slot.token = null;
    slot.alone = false;
    slot.soloProbeMs = null;
    if (ticket !== null) slot.tickets.push(ticket);
    const base = { e: slot.known.e, v: slot.known.v };
    this.#want(slot, { want: "reset", base, note, conditional: false, after: null }, nowMs);
  }

  /** A probe closed the breaker. */
  recovered(key: string, nowMs: number): void {
    const slot = this.slots.own(key);
    const { token, known } = slot;
    slot.local = "free";
    slot.soloProbeMs = null;
    slot.token = null;
    slot.alone = false;
    if (token !== null) {
      const base = { e: token.e, v: token.v };
      this.#want(slot, { want: "result", base, ok: true, forMs: 0 }, nowMs);
    } else if (slot.waiting?.want === "reset") slot.waiting = { ...slot.waiting, after: null };
    else if (slot.waiting?.want === "open" && !isHeld(known)) slot.waiting = null;
    else if (slot.flight !== null || isHeld(known)) {
      this.#want(slot, { want: "recovered", base: { e: known.e, v: known.v } }, nowMs);
    }
  }

  /** Whether the next call may be a probe. One that may not makes the task ask for the lease. */
  mayProbe(key: string, nowMs: number): boolean {
    const slot = this.slots.peek(key);
    if (slot === undefined) return true;
    if (!this.#host.isReachable) {
      const { probeJitterMs, random } = this.#host.settings;
      slot.soloProbeMs ??= nowMs + random() * probeJitterMs;
      return nowMs >= slot.soloProbeMs;
    }
    if (!isHeld(slot.known)) return true;
    if (slot.token !== null && nowMs < slot.token.untilMs) return true;
    this.#askLease(slot, nowMs);
    return false;
  }

  /**
   * The id of an incident that begins now. Tasks that trip at the same time know the same record, and so give the same
   * id. Null when what is known may be old, or other tasks need not know of it: then it is the breaker's own.
   */
  incidentId(key: string, storeId: string): string | null {
    const { settings, isReachable } = this.#host;
    const slot = this.slots.peek(key);
    if (slot === undefined || !isReachable || settings.quorum !== null) return null;
    // With a reset of ours on its way the next record is not known yet.
    if (slot.intent !== null || slot.incidents++ > 0) return null;
    const { e, v } = slot.known;
    const digits = cyrb53(JSON.stringify([settings.namespace, storeId, key, e, v])).toString(36);
    return `${Math.max(e, v).toString(36)}-${digits.padStart(11, "0")}`;
  }

  #holdIntent(slot: Slot, want: "force" | "open", open: LocalOpen, nowMs: number): HoldIntent {
    const { known } = slot;
    const e = open.evidence === undefined ? known.e : Math.min(known.e, open.evidence.epoch);
    const base = { e: this.#host.settings.protections.fence ? known.e : e, v: known.v };
    const { note, incident } = open;
    return { want, base, untilMs: nowMs + open.forMs, note, incident };
  }

  #want(slot: Slot, intent: Intent, nowMs: number): void {
    slot.waiting = compose(slot.waiting, intent);
    this.submit(slot, nowMs);
  }

  #askLease(slot: Slot, nowMs: number): void {
    const { known } = slot;
    const dueMs = known.s === "half_open" ? known.pu : known.ou;
    const isDue = this.#host.serverMs(nowMs) >= dueMs || !this.#host.settings.protections.lease;
    if (slot.asking || slot.intent !== null || !isDue || isEndless(known)) return;
    slot.asking = true;
    const { self: by, leaseMs } = this.#host.settings;
    const base = { e: known.e, v: known.v };
    this.#host.send({ do: "probe", key: slot.key, by, base, leaseMs }, nowMs, (answer, atMs) => {
      slot.asking = false;
      const record = answer?.record;
      if (answer === null || record === undefined) return;
      this.#take(slot, answer, atMs);
      const isGiven = answer.outcome === "written" && isSame(slot.known, record);
      if (isGiven && slot.intent === null) {
        slot.token = { e: record.e, v: record.v, untilMs: nowMs + leaseMs };
      }
    });
  }

  // What the store is asked

  /** Sends what waits, one operation per name at a time. */
  submit(slot: Slot, nowMs: number): void {
    const { waiting } = slot;
    if (waiting === null || slot.flight !== null || !this.#host.isReachable) return;
    const operation = operationOf(slot, { intent: waiting, nowMs }, this.#host.settings);
    slot.waiting = null;
    if (operation === null) {
      // An open whose end has come before anybody heard of it stays the breaker's own affair.
      if (waiting.want === "force" || waiting.want === "open") slot.alone = !isHeld(slot.known);
      this.align(slot, nowMs, true);
      return;
    }
    const tickets = slot.tickets.splice(0);
    const flight = { intent: waiting, cancelled: false, done: false, tickets };
    slot.flight = flight;
    this.#host.send(operation, nowMs, (answer, atMs) => {
      if (answer === null && !flight.done) this.#failed(slot, flight, atMs);
      else this.#answered(slot, flight, answer, atMs);
    });
  }

  #failed(slot: Slot, flight: NonNullable<Slot["flight"]>, nowMs: number): void {
    slot.flight = null;
    this.#settleLocal(slot, [...flight.tickets, ...slot.tickets.splice(0)]);
    if (!flight.cancelled) {
      const left = again(flight.intent);
      slot.waiting = slot.waiting === null ? left : compose(left, slot.waiting);
      this.#host.retryLater(nowMs);
    }
    this.align(slot, nowMs, flight.cancelled);
  }

  #answered(
    slot: Slot,
    flight: NonNullable<Slot["flight"]>,
    answer: Answer | null,
    nowMs: number,
  ): void {
    const { intent } = flight;
    if (answer !== null) this.#take(slot, answer, nowMs);
    slot.flight = null;
    const outcome = answer?.outcome ?? "written";
    const { known } = slot;
    const ran = outcome === "written" || flight.done;
    if (intent.want === "reset" && ran && !flight.cancelled) {
      const next = slot.waiting ?? intent.after;
      slot.waiting = next === null ? null : rebased(next, known);
    } else if (intent.want === "open" && outcome === "voted") slot.alone = true;
    else if (intent.want === "recovered" && outcome === "written" && slot.waiting === null) {
      const base = { e: known.e, v: known.v };
      slot.waiting = { want: "result", base, ok: true, forMs: 0 };
    }
    if (intent.want === "open" && slot.waiting?.want === "recovered") {
      slot.waiting = { ...slot.waiting, base: { e: known.e, v: known.v } };
    }
    this.#settle(flight.tickets, known);
    const isRefused = outcome === "stale" || outcome === "refused" || outcome === "held";
    this.align(slot, nowMs, isRefused);
    this.submit(slot, nowMs);
  }

  /** Learns what an answer shows; a store that knows less than the task has lost data. */
  #take(slot: Slot, answer: Answer, nowMs: number): void {
    const { record } = answer;
    if (record === undefined) return;
    this.learn(slot, record, nowMs);
    if (this.isNewer(slot.known, record)) this.#host.giveBack(slot.key);
  }

  /** Takes what was read: all there is, or only some of it. */
  list(entries: readonly Entry[], whole: boolean, nowMs: number): void {
    const seen = new Set<string>();
    for (const [key, record] of entries) {
      seen.add(key);
      const slot = this.slots.named(key);
      if (slot === null) continue;
      this.learn(slot, record, nowMs);
      if (this.isNewer(slot.known, record)) this.#host.giveBack(key);
    }
    if (!whole) return;
    for (const { key, known } of this.slots) {
      if (known !== NOTHING && !seen.has(key)) this.#host.giveBack(key);
    }
  }

  /** Ends the waiting of control calls: the store is out of reach. */
  settleAll(): void {
    for (const slot of this.slots) {
      const tickets = slot.tickets.splice(0);
      if (tickets.length > 0) this.#settleLocal(slot, tickets);
    }
  }

  #settle(tickets: readonly number[], { e, v }: ClusterRecord): void {
    for (const ticket of tickets) {
      this.#host.push({ do: "settle", ticket, settled: { scope: "cluster", e, v } });
    }
  }

  #settleLocal({ known: { e, v } }: Slot, tickets: readonly number[]): void {
    for (const ticket of tickets) {
      this.#host.push({ do: "settle", ticket, settled: { scope: "local-only", e, v } });
    }
  }
}

function isSame(a: ClusterRecord, b: ClusterRecord): boolean {
  return compareRecords(a, b) === 0 && a.o === b.o;
}
