import {
  closeSync,
  fstatSync,
  openSync,
  readSync,
  renameSync,
  truncateSync,
  writeSync,
} from "node:fs";

/** Which file, how large, and how many before it are kept. */
export interface FileSettings {
  readonly path: string;
  /** A file that would grow beyond it is put aside first. */
  readonly maxBytes: number;
  /** Files put aside: `path.1` is the newest. */
  readonly keepFiles: number;
}

/** How much of some bytes was written, and what stood in the way of the rest. */
export interface Written {
  readonly bytes: number;
  readonly failure: { readonly value: unknown } | null;
}

const LINE_END = 10;

/**
 * A file of lines that is appended to synchronously: what was written is there even if the process is killed right
 * after. It is opened when it is first written to, and again after every failure. Never throws.
 */
export class RotatingFile {
  readonly #settings: FileSettings;
  #fd: number | null = null;
  #size = 0;
  /** The last line is incomplete: the process before was killed, or the disk was full. */
  #torn = false;

  constructor(settings: FileSettings) {
    this.#settings = settings;
  }

  /** Appends whole lines. */
  append(lines: Buffer): Written {
    let bytes = 0;
    try {
      const fd = this.#openFor(lines.length);
      while (bytes < lines.length) {
        const more = writeSync(fd, lines, bytes);
        if (more === 0) throw new Error("Cannot write: the file takes no more");
        bytes += more;
        this.#size += more;
      }
      return { bytes, failure: null };
    } catch (value) {
      // Opened again, it says itself whether its last line is whole.
      this.close();
      return { bytes, failure: { value } };
    }
  }

  /** Lets the file go; the next line opens it again. */
  close(): void {
    const fd = this.#fd;
    this.#fd = null;
    if (fd === null) return;
    try {
      closeSync(fd);
    } catch {
      // What could not be written has been told; nothing is left to lose.
    }
  }

  #openFor(bytes: number): number {
    let fd = this.#fd ?? this.#open();
    const { maxBytes } = this.#settings;
    if (this.#size > 0 && this.#size + bytes > maxBytes) {
      this.close();
      this.#putAside();
      fd = this.#open();
    }
    if (this.#torn) {
      // So that only the torn line is damaged, and not this one with it.
      this.#size += writeSync(fd, "\n");
      this.#torn = false;
    }
    return fd;
  }

  #open(): number {
    const fd = openSync(this.#settings.path, "a+");
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
    if (this.#size > 0) {
      const last = Buffer.alloc(1);
      readSync(fd, last, 0, 1, this.#size - 1);
      this.#torn = last[0] !== LINE_END;
    } else this.#torn = false;
    return fd;
  }

  #putAside(): void {
    const { path, keepFiles } = this.#settings;
    if (keepFiles === 0) {
      truncateSync(path);
      return;
    }
    for (let n = keepFiles - 1; n >= 1; n--) {
      try {
        renameSync(`${path}.${n}`, `${path}.${n + 1}`);
      } catch (thrown) {
        // Most often there are not yet as many as may be kept.
        if (!isMissing(thrown)) throw thrown;
      }
    }
    renameSync(path, `${path}.1`);
  }
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
}
