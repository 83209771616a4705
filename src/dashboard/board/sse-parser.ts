/** One message of an event stream. */
export interface StreamMessage {
  /** What it is called: the type of an event, or `snapshot`, `readings`, `gap`. */
  readonly name: string;
  readonly data: string;
}

/** A message or a line beyond this is nothing that telltale sends: a snapshot of 2 000 breakers has 3 million. */
const LONGEST = 16_777_216;

/**
 * Splits the text of an event stream into messages, as the HTML standard has it, as far as it has come. Holds one
 * message at most.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class SseParser {
  /** The id to come back with; empty before the first. */
  lastId = "";
  /** How long the server asks to wait before coming back; null when it did not say. */
  retryMs: number | null = null;
  readonly #take: (message: StreamMessage) => void;
  #rest = "";
  #name = "";
  #data: string[] = [];
  #length = 0;
  #id: string | null = null;

  constructor(take: (message: StreamMessage) => void) {
    this.#take = take;
  }

  /**
   * Takes the next piece of the text, wherever it is cut.
   * @throws {RangeError} when a message is longer than any of telltale's
   */
  push(text: string): void {
    const all = this.#rest + text;
    let at = 0;
    for (;;) {
      const end = lineEnd(all, at);
      if (end < 0) break;
      // A return at the very end may be half of a line break.
      if (all[end] === "\r" && end === all.length - 1) break;
      this.#line(all.slice(at, end));
      at = end + (all[end] === "\r" && all[end + 1] === "\n" ? 2 : 1);
    }
    this.#rest = all.slice(at);
    if (this.#rest.length + this.#length > LONGEST) {
      throw new RangeError(`a message has more than ${LONGEST} characters`);
    }
  }

  /** The connection is gone, and with it what had come of the present message. */
  reset(): void {
    this.#rest = "";
    this.#clear();
  }

  #line(line: string): void {
    if (line === "") {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(":");
    // A comment.
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const given = colon < 0 ? "" : line.slice(colon + 1);
    const value = given.startsWith(" ") ? given.slice(1) : given;
    if (field === "data") {
      this.#data.push(value);
      this.#length += value.length;
    } else if (field === "event") this.#name = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(): void {
    if (this.#id !== null) this.lastId = this.#id;
    const [name, data] = [this.#name, this.#data];
    this.#clear();
    if (data.length > 0) this.#take({ name, data: data.join("\n") });
  }

  #clear(): void {
    this.#name = "";
    this.#data = [];
    this.#length = 0;
    this.#id = null;
  }
}

function lineEnd(text: string, from: number): number {
  const newline = text.indexOf("\n", from);
  const line = newline < 0 ? text.slice(from) : text.slice(from, newline);
  const returned = line.indexOf("\r");
  return returned < 0 ? newline : from + returned;
}
