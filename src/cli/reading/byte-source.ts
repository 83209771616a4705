import { type FileHandle, open } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";

/** Bytes as they come; a chunk is used for others once the next one is asked for. */
export type Chunks = AsyncIterable<Buffer>;

const CHUNK_BYTES = 262_144;
const GZIP = Buffer.from([0x1f, 0x8b]);

/** The name that stands for standard input. */
export const STDIN = "-";

/**
 * The bytes of a file or of standard input, unpacked when they are gzip, whatever the name says. `onRead` is told how
 * many bytes were read, before unpacking.
 */
export async function* bytesOf(
  file: string,
  onRead: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer, void, undefined> {
  const raw = file === STDIN ? bytesOfStdin() : bytesOfFile(file);
  const counted = counting(raw, onRead);
  const first = await counted.next();
  if (first.done === true) return;
  const all = resumed(first.value, counted);
  if (!first.value.subarray(0, GZIP.length).equals(GZIP)) yield* all;
  else yield* gunzipped(all);
}

async function* bytesOfStdin(): AsyncGenerator<Buffer, void, undefined> {
  // Without an encoding, which nobody sets, standard input gives buffers.
  for await (const chunk of process.stdin) yield chunk as Buffer;
}

/** Reads one chunk ahead, into two buffers in turn: nothing is allocated for a file of any size. */
async function* bytesOfFile(file: string): AsyncGenerator<Buffer, void, undefined> {
  const handle: FileHandle = await open(file);
  try {
    let [present, next] = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)];
    let reading = handle.read(present, 0, CHUNK_BYTES, null);
    for (;;) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) return;
      reading = handle.read(next, 0, CHUNK_BYTES, null);
      // Whoever asks for no more leaves this one behind.
      reading.catch(() => {});
      yield present.subarray(0, bytesRead);
      [present, next] = [next, present];
    }
  } finally {
    await handle.close();
  }
}

async function* counting(
  chunks: Chunks,
  onRead: (bytes: number) => void,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of chunks) {
    onRead(chunk.length);
    yield chunk;
  }
}

async function* resumed(
  first: Buffer,
  rest: AsyncGenerator<Buffer, void, undefined>,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield first;
    yield* rest;
  } finally {
    // Whoever wants no more after the first chunk ends this before the rest has a loop that would close it.
    await rest.return();
  }
}

async function* gunzipped(chunks: Chunks): AsyncGenerator<Buffer, void, undefined> {
  const copies = (async function* () {
    // The stream may still hold a chunk when the next one is read over it.
    for await (const chunk of chunks) yield Buffer.from(chunk);
  })();
  const packed = Readable.from(copies, { objectMode: false });
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // A failure comes out of the loop below; this closes the file then.
  pipeline(packed, gunzip, () => {});
  // A transform stream without an encoding gives buffers.
  for await (const chunk of gunzip) yield chunk as Buffer;
}
