import { utc } from "./wording.ts";

/** How a line is meant, which decides its colour. */
export type Tone = "good" | "bad" | "warning" | "strong" | "plain";

/** What the terminal writes to: stdout, or what stands in for it. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** One line of what happened. */
export interface Entry {
  readonly atMs: number;
  readonly tone: Tone;
  /** One or two words, upper case. */
  readonly label: string;
  readonly text: string;
}

const SGR: Readonly<Record<Tone, string>> = {
  good: "32",
  bad: "31",
  warning: "33",
  strong: "1",
  plain: "",
};
const ESCAPE = "\u001b";
const ERASE_LINE = `\r${ESCAPE}[2K`;
const LABEL_WIDTH = 10;
const PLAIN_STATUS_EVERY_MS = 2_000;
const USUAL_COLUMNS = 80;
/** Below this a status line is not worth having; it may wrap. */
const NARROWEST_COLUMNS = 40;

/**
 * Lines that stay and, below them, one status line that is redrawn in place. Without a terminal the status is an
 * ordinary line every two seconds. NO_COLOR and TERM=dumb are respected.
 */
export class Terminal {
  readonly #output: Output;
  readonly #colours: boolean;
  readonly #inPlace: boolean;
  #status: Entry | null = null;
  #plainStatusMs = performance.now();

  constructor(output: Output, env: Readonly<Record<string, string | undefined>>) {
    this.#output = output;
    this.#inPlace = output.isTTY === true && env["TERM"] !== "dumb";
    this.#colours = this.#inPlace && (env["NO_COLOR"] ?? "") === "";
  }

  /** Writes text that stays, as it is. */
  line(text = "", tone: Tone = "plain"): void {
    this.#write(`${this.#paint(text, tone)}\n`);
  }

  /** Writes a line of what happened. */
  entry({ atMs, tone, label, text }: Entry): void {
    this.#write(`${utc(atMs)}  ${this.#paint(label.padEnd(LABEL_WIDTH), tone)}  ${text}\n`);
  }

  /** Writes a heading that stands apart from the lines before it. */
  heading(text: string): void {
    this.#write(`\n${this.#paint(text, "strong")}\n`);
  }

  /** Shows how things stand. */
  status(entry: Entry): void {
    if (this.#inPlace) {
      this.#status = entry;
      this.#write("");
      return;
    }
    const nowMs = performance.now();
    if (nowMs - this.#plainStatusMs < PLAIN_STATUS_EVERY_MS) return;
    this.#plainStatusMs = nowMs;
    const { atMs, label, text } = entry;
    this.entry({ atMs, tone: "plain", label: "", text: `${label.toLowerCase()}: ${text}` });
  }

  /** Takes the status line away. */
  endStatus(): void {
    if (this.#status === null) return;
    this.#status = null;
    this.#output.write(ERASE_LINE);
  }

  #write(text: string): void {
    if (this.#status === null) {
      if (text !== "") this.#output.write(text);
      return;
    }
    const { atMs, tone, label, text: says } = this.#status;
    const head = `${utc(atMs)}  `;
    const name = label.padEnd(LABEL_WIDTH);
    // A line as wide as the terminal would wrap, and a wrapped line is not erased whole.
    const columns = Math.max(NARROWEST_COLUMNS, this.#output.columns ?? USUAL_COLUMNS);
    const room = columns - 1 - head.length - name.length - 2;
    const cut = says.length > room ? `${says.slice(0, room - 1)}…` : says;
    this.#output.write(`${ERASE_LINE}${text}${head}${this.#paint(name, tone)}  ${cut}`);
  }

  #paint(text: string, tone: Tone): string {
    const code = SGR[tone];
    return this.#colours && code !== "" ? `${ESCAPE}[${code}m${text}${ESCAPE}[0m` : text;
  }
}
