import type { EventRing } from "./event-ring.ts";
import { HEARTBEAT } from "./sse-message.ts";

/** The way to one client, whatever the server is made of. */
export interface Wire {
  /** Sends a text; false when the client should be given nothing more until it has taken what it has. */
  write(text: string): boolean;
  /** Bytes that it was given and has not passed on; null when nobody knows. */
  waiting(): number | null;
  /** Ends the stream, after what was sent; at once when the client takes nothing. */
  end(): void;
  /** Ends the connection at once. */
  drop(): void;
}

/** What clients are served from. */
export interface Source {
  readonly ring: EventRing;
  /** The message that tells a client how many events it missed; null when nobody knows. */
  gap(missed: number | null, number: number): string;
  /** The message that tells how the breakers are now; null when the endpoint knows none. */
  snapshot(number: number): string | null;
  /** The message with what has changed since a reading, by its number, and how many readings there were. */
  readingsSince(reading: number): { readonly text: string; readonly readings: number } | null;
  /** A client was too slow for some events. */
  lost(count: number): void;
}

/** Where a client begins. */
export interface Beginning {
  /** The number of the last event that it has, or that it will never have. */
  readonly after: number;
  /** How many it missed while it was away, null when nobody knows; undefined when it missed none. */
  readonly missed?: number | null;
  readonly wantsSnapshot: boolean;
  /** It asked for readings. */
  readonly wantsReadings: boolean;
}

/** A client whose wire takes nothing for this many heartbeats is dropped. */
const PATIENCE_BEATS = 4;

/**
 * One client: a place in the ring, and nothing of its own that could grow. A slow one falls behind; when the ring no
 * longer has what comes next, it is told how many it missed and goes on from there.
 */
export class StreamClient {
  readonly #source: Source;
  readonly #wire: Wire;
  #after: number;
  #gap: { readonly missed: number | null } | null;
  #owedSnapshot: boolean;
  #blocked = false;
  #idleBeats = 0;
  /** What the wire had not passed on when it was last looked at; null when nobody knows. */
  #waited: number | null = 0;
  #ended = false;
  /** The number of the last reading that it has. */
  #reading = 0;
  readonly wantsReadings: boolean;

  constructor(source: Source, wire: Wire, beginning: Beginning) {
    const { after, missed, wantsSnapshot, wantsReadings } = beginning;
    this.wantsReadings = wantsReadings;
    this.#source = source;
    this.#wire = wire;
    this.#after = after;
    this.#gap = missed === undefined ? null : { missed };
    this.#owedSnapshot = wantsSnapshot;
  }

  /** Sends what the client does not have, as far as it takes it. */
  serve(): void {
    const { ring } = this.#source;
    while (!this.#blocked && !this.#ended) {
      const behind = ring.first - 1 - this.#after;
      if (behind > 0) this.#miss(behind);
      const text = this.#next();
      // What lists the breakers for a snapshot may have ended it.
      if (text === null || this.#ended) return;
      this.#send(text);
    }
  }

  /** It is time for what was read; one that is not ready is told all of it with the next. */
  read(): void {
    if (this.#blocked || this.#ended || !this.wantsReadings) return;
    const changed = this.#source.readingsSince(this.#reading);
    if (changed === null) return;
    this.#reading = changed.readings;
    this.#send(changed.text);
  }

  /** The client has taken what it had. */
  ready(): void {
    if (!this.#blocked || this.#ended) return;
    this.#blocked = false;
    this.#idleBeats = 0;
    this.serve();
  }

  /** It is time for a heartbeat; for one that was ended, to be gone. */
  beat(): void {
    if (this.#ended) {
      this.#wire.drop();
      return;
    }
    this.#look();
    if (this.#isIdle()) {
      this.#idleBeats++;
      if (this.#idleBeats >= PATIENCE_BEATS) {
        this.#forsake();
        this.#wire.drop();
        return;
      }
    }
    if (!this.#blocked) this.#send(HEARTBEAT);
  }

  end(): void {
    this.#ended = true;
    this.#forsake();
    this.#wire.end();
  }

  /** What it was not sent, it will not be sent. */
  #forsake(): void {
    const left = this.#blocked ? this.#source.ring.last - this.#after : 0;
    if (left > 0) this.#source.lost(left);
  }

  /** Whether something waits that it could take. */
  #isIdle(): boolean {
    return this.#blocked || (this.#waited ?? 0) > 0;
  }

  /** Sees whether the wire has taken anything since it was last looked at. */
  #look(): void {
    const waiting = this.#wire.waiting();
    if (waiting !== null && waiting < (this.#waited ?? 0)) this.#idleBeats = 0;
    this.#waited = waiting;
  }

  /** In order: what was missed, what the ring has, how it all stands. */
  #next(): string | null {
    const { ring } = this.#source;
    if (this.#gap !== null) {
      const { missed } = this.#gap;
      this.#gap = null;
      return this.#source.gap(missed, this.#after);
    }
    if (this.#after < ring.last) {
      this.#after++;
      return ring.at(this.#after) ?? null;
    }
    if (!this.#owedSnapshot) return null;
    this.#owedSnapshot = false;
    return this.#source.snapshot(this.#after);
  }

  #miss(behind: number): void {
    this.#after += behind;
    const missed = this.#gap === null ? 0 : this.#gap.missed;
    this.#gap = { missed: missed === null ? null : missed + behind };
    this.#owedSnapshot = true;
    this.#source.lost(behind);
  }

  #send(text: string): void {
    try {
      this.#look();
      this.#blocked = !this.#wire.write(text);
      this.#waited = this.#wire.waiting();
    } catch {
      // Not of Node's or of a stream's making. The others are served; this one may come back for what it missed.
      this.#blocked = true;
      this.#source.lost(1);
      this.#wire.drop();
    }
  }
}
