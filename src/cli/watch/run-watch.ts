import { Board } from "../../dashboard/board/board.ts";
import { faultText } from "../../dashboard/board/told-text.ts";
import { EXIT } from "../command-line.ts";
import type { NamedSource } from "../named-source.ts";
import { print } from "../print.ts";
import { Feeds } from "./feeds.ts";
import { PlainWatch } from "./plain-watch.ts";
import { standingLines } from "./screen.ts";
import { TerminalWatch } from "./terminal-watch.ts";

/** What the command line asked for. */
export interface WatchSettings {
  readonly sources: readonly NamedSource[];
  /** Print how the breakers stand, and end. */
  readonly once: boolean;
}

/** A screen is drawn no more often than this, however much is told. */
const REDRAW_MS = 200;
const TICK_MS = 1_000;
const ONCE_LIMIT_MS = 10_000;

/** Shows the sources until somebody ends it; returns the exit code. */
export async function runWatch(settings: WatchSettings): Promise<number> {
  const watch = new Watch(settings);
  const { stdout } = process;
  // Whoever reads the output has left, as `head` does: nobody wants the rest.
  stdout.on("error", () => watch.end(EXIT.done));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => watch.end(EXIT.done));
  }
  return settings.once ? watch.once() : watch.run();
}

const nameOf = (named: NamedSource): string =>
  named.kind === "stream" ? named.url : named.file === "-" ? "standard input" : named.file;

class Watch {
  readonly #settings: WatchSettings;
  readonly #board: Board;
  #resolve: (code: number) => void = () => {};
  readonly #ended: Promise<number>;
  #code: number | null = null;

  constructor(settings: WatchSettings) {
    this.#settings = settings;
    this.#board = new Board(settings.sources.map(nameOf));
    this.#ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  end(code: number): void {
    this.#code ??= code;
    this.#resolve(this.#code);
  }

  /** Shows it as it changes. */
  async run(): Promise<number> {
    const { stdout, stdin, env } = process;
    const isScreen = stdout.isTTY === true && env["TERM"] !== "dumb";
    const board = this.#board;
    const screen = isScreen ? new TerminalWatch(board, stdout, look()) : null;
    const plain = new PlainWatch(board, (line) => stdout.write(`${line}\n`));
    const show = (): void => (screen ?? plain).show(Date.now());
    const soon = paced(show);
    const restore = screen === null ? () => {} : this.#takeTerminal(screen, show);
    const feeds = new Feeds(board, this.#settings.sources, {
      changed: () => {
        // A pipe is given each event; a screen only has to be up to date.
        if (screen === null) show();
        else soon();
      },
      failed: (message) => this.#fail(message),
      // A screen stays until somebody has read it.
      ended: () => {
        if (screen === null) this.end(EXIT.done);
      },
    });
    const timer = setInterval(show, TICK_MS);
    try {
      return await this.#ended;
    } finally {
      clearInterval(timer);
      feeds.close();
      soon.cancel();
      restore();
      stdin.pause();
      if (this.#fault !== null) process.stderr.write(`Cannot watch: ${this.#fault}\n`);
    }
  }

  /** Shows how it stands as soon as that is known. */
  async once(): Promise<number> {
    const board = this.#board;
    const seen = (): boolean =>
      board.sources.every(
        (source, at) =>
          source.status.kind === "live" &&
          (source.isRecord || [...board.breakers()].some((each) => each.source === at)),
      );
    const feeds = new Feeds(board, this.#settings.sources, {
      changed: () => {
        if (seen()) this.end(EXIT.done);
      },
      failed: (message) => this.#fail(message),
      ended: () => this.end(EXIT.done),
    });
    const timer = setTimeout(() => this.#fail(this.#missing()), ONCE_LIMIT_MS);
    const code = await this.#ended;
    clearTimeout(timer);
    feeds.close();
    process.stdin.pause();
    if (this.#fault !== null) {
      process.stderr.write(`Cannot watch: ${this.#fault}\n`);
      return code;
    }
    const style = { ...look(), columns: 0, rows: 0 };
    await print(`${standingLines(board, style, Date.now()).join("\n")}\n`);
    return code;
  }

  #fault: string | null = null;

  #fail(message: string): void {
    this.#fault ??= message;
    this.end(EXIT.failed);
  }

  #missing(): string {
    const nowMs = Date.now();
    const told = this.#board.sources.flatMap((source) => {
      const fault = faultText(source, true, nowMs);
      return fault === "" ? [`${source.name} tells of no breaker`] : [fault];
    });
    return `nothing to show after ${ONCE_LIMIT_MS / 1_000} s: ${told.join(" | ")}`;
  }

  /** Takes the terminal, and returns what gives it back. */
  #takeTerminal(screen: TerminalWatch, show: () => void): () => void {
    const { stdout, stdin } = process;
    const onKey = (keys: Buffer): void => {
      if (!screen.press(keys.toString())) this.end(EXIT.done);
      else show();
    };
    const hasKeys = stdin.isTTY === true && !this.#settings.sources.some(isStdin);
    const restore = (): void => {
      screen.close();
      stdout.off("resize", show);
      process.off("exit", restore);
      if (!hasKeys) return;
      stdin.off("data", onKey);
      stdin.setRawMode(false);
    };
    // However it ends, the terminal is left as it was.
    process.once("exit", restore);
    screen.open();
    stdout.on("resize", show);
    if (hasKeys) {
      stdin.setRawMode(true);
      stdin.on("data", onKey);
    }
    show();
    return restore;
  }
}

const isStdin = (named: NamedSource): boolean => named.kind === "file" && named.file === "-";

/** How the terminal may be written to. */
function look() {
  const { env, stdout } = process;
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find((name) => name) ?? "";
  return {
    colours: stdout.isTTY === true && env["TERM"] !== "dumb" && (env["NO_COLOR"] ?? "") === "",
    isUnicode: /utf-?8/i.test(locale),
  };
}

/** Calls a function soon, and once for all that asked meanwhile. */
function paced(show: () => void): (() => void) & { cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = undefined;
      show();
    }, REDRAW_MS);
  };
  return Object.assign(soon, { cancel: () => clearTimeout(timer) });
}
