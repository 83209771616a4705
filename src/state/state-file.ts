import { SnapshotReader } from "../core/snapshot-reader.ts";
import type { NodeHost } from "./node-host.ts";
import { StoreError } from "./store-error.ts";

// A head, a line for each row, and a foot with the number of rows and the checksum of all lines before it: a file that
// was cut off, or that decayed, is told from a whole one.

const KIND = "telltale.state";
const HEAD = `${JSON.stringify({ kind: KIND, v: 1 })}\n`;
/** So much is written, or taken apart, before the event loop has its turn. */
const PIECE_BYTES = 65_536;
const LINE_END = 10;

/** Which file, and how large it may be. */
export interface StateFile {
  readonly path: string;
  readonly maxBytes: number;
}

/** Writes every row to an open file. */
export async function writeRows(
  host: NodeHost,
  handle: { write(bytes: Uint8Array, offset: number): Promise<{ bytesWritten: number }> },
  { rows, path, maxBytes }: StateFile & { readonly rows: ReadonlyMap<string, string> },
): Promise<void> {
  let crc = 0;
  let written = 0;
  let piece = HEAD;
  const flush = async (): Promise<void> => {
    const bytes = new TextEncoder().encode(piece);
    crc = host.crc32(bytes, crc);
    written += bytes.length;
    if (written > maxBytes) {
      const action = `write to file "${path}"`;
      const reason = `it would have more than ${maxBytes} bytes`;
      throw new StoreError({ action, code: "ERR_STORE_FULL", reason });
    }
    await writeAll(handle, bytes);
    piece = "";
  };
  for (const row of rows) {
    piece += `${JSON.stringify(row)}\n`;
    if (piece.length >= PIECE_BYTES) await flush();
  }
  await flush();
  const foot = `${JSON.stringify({ rows: rows.size, crc32: crc })}\n`;
  await writeAll(handle, new TextEncoder().encode(foot));
}

async function writeAll(
  handle: { write(bytes: Uint8Array, offset: number): Promise<{ bytesWritten: number }> },
  bytes: Uint8Array,
): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, offset);
    offset += bytesWritten;
  }
}

/**
 * The rows of a file's bytes.
 * @throws {SnapshotError} when it is not a whole state file
 */
export async function readRows(
  host: NodeHost,
  bytes: Uint8Array,
  path: string,
): Promise<Map<string, string>> {
  const reader = new SnapshotReader(`load from file "${path}"`);
  const footAt = bytes.lastIndexOf(LINE_END, bytes.length - 2) + 1;
  if (footAt === 0 || bytes.at(-1) !== LINE_END) reader.fail("", "whole: a foot must end it");
  const lines = new Lines(bytes.subarray(0, footAt));
  reader.head(reader.parsed(lines.next() ?? "", PIECE_BYTES), KIND, []);
  const foot = reader.record("foot", reader.parsed(textOf(bytes.subarray(footAt)), PIECE_BYTES));
  const rows = new Map<string, string>();
  let crc = 0;
  let summed = 0;
  for (let line = lines.next(); line !== null; line = lines.next()) {
    if (lines.at - summed >= PIECE_BYTES) {
      crc = host.crc32(bytes.subarray(summed, lines.at), crc);
      summed = lines.at;
      await turn();
    }
    const path = `rows[${rows.size}]`;
    const [key, text] = reader.list(path, reader.parsed(line, bytes.length), 2);
    if (typeof key !== "string" || typeof text !== "string") {
      return reader.fail(path, "a pair of key and text");
    }
    rows.set(key, text);
  }
  crc = host.crc32(bytes.subarray(summed, footAt), crc);
  if (foot["rows"] !== rows.size) reader.fail("foot.rows", `${rows.size}, as there are`);
  if (foot["crc32"] !== crc) reader.fail("foot.crc32", `${crc}, the checksum of what is there`);
  return rows;
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Lines {
  readonly #bytes: Uint8Array;
  /** Where the next line begins. */
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(): string | null {
    if (this.at >= this.#bytes.length) return null;
    const end = this.#bytes.indexOf(LINE_END, this.at);
    const line = this.#bytes.subarray(this.at, end);
    this.at = end + 1;
    return textOf(line);
  }
}
