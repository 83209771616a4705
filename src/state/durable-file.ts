import { isSnapshotError } from "../core/snapshot-error.ts";
import type { NodeHost } from "./node-host.ts";
import { readRows, type StateFile, writeRows } from "./state-file.ts";
import { failedError, isStoreError, StoreError } from "./store-error.ts";

/** What tells a file from another at the same path. */
type Identity = string;

interface IdentityStats {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}

/** A file of rows that is replaced as a whole, and only when what replaces it is on the disk. */
export class DurableFile {
  readonly #host: NodeHost;
  readonly #file: StateFile;
  #rows: ReadonlyMap<string, string> | null = null;
  /** The file that holds `#rows`; null when there is none. */
  #identity: Identity | null = null;
  #swept = false;

  constructor(host: NodeHost, file: StateFile) {
    this.#host = host;
    this.#file = file;
  }

  /** What the file holds. */
  async rows(): Promise<ReadonlyMap<string, string>> {
    return this.#rows ?? (await this.#run("load from", () => this.#load()));
  }

  /** Replaces the file by one with other rows; null takes a row out. */
  async change(changes: ReadonlyMap<string, string | null>): Promise<void> {
    await this.#run("write to", async () => {
      const rows = new Map(this.#rows ?? (await this.#load()));
      for (const [key, text] of changes) {
        if (text === null) rows.delete(key);
        else rows.set(key, text);
      }
      await this.#replace(rows);
    });
  }

  async #run<T>(what: string, body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (thrown) {
      if (isStoreError(thrown) || isSnapshotError(thrown)) throw thrown;
      throw failedError(`${what} file "${this.#file.path}"`, thrown);
    }
  }

  async #load(): Promise<ReadonlyMap<string, string>> {
    const { path, maxBytes } = this.#file;
    const handle = await this.#host.files.open(path, "r").catch(missing);
    if (handle === null) return this.#hold(null, new Map());
    try {
      // Asked of the handle, so that identity and rows are of the same file.
      const stats = await handle.stat({ bigint: true });
      if (stats.size > maxBytes) {
        const reason = `it has ${stats.size} bytes, more than ${maxBytes}`;
        throw new StoreError({
          action: `load from file "${path}"`,
          code: "ERR_STORE_FULL",
          reason,
        });
      }
      const rows = await readRows(this.#host, await handle.readFile(), path);
      return this.#hold(identityOf(stats), rows);
    } finally {
      await handle.close();
    }
  }

  #hold(identity: Identity | null, rows: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
    this.#identity = identity;
    this.#rows = rows;
    return rows;
  }

  async #replace(rows: ReadonlyMap<string, string>): Promise<void> {
    const { files, paths } = this.#host;
    const { path } = this.#file;
    const folder = paths.dirname(path);
    await files.mkdir(folder, { recursive: true, mode: 0o700 });
    if (!this.#swept) await this.#sweep(folder);
    // A name of its own: another process must not be able to put half a file of ours in place.
    const temporary = `${path}.${Math.random().toString(16).slice(2)}.tmp`;
    try {
      const identity = await this.#writeNew(temporary, rows);
      await this.#refuseStranger();
      await files.rename(temporary, path);
      // From here on this is the file, whether or not its folder is on the disk yet.
      this.#hold(identity, rows);
    } catch (failure) {
      await files.rm(temporary, { force: true });
      throw failure;
    }
    if (this.#host.syncsFolders) await this.#syncFolder(folder);
  }

  async #writeNew(path: string, rows: ReadonlyMap<string, string>): Promise<Identity> {
    const handle = await this.#host.files.open(path, "wx", 0o600);
    try {
      await writeRows(this.#host, handle, { ...this.#file, rows });
      await handle.sync();
      return identityOf(await handle.stat({ bigint: true }));
    } finally {
      await handle.close();
    }
  }

  async #syncFolder(folder: string): Promise<void> {
    const handle = await this.#host.files.open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Refuses to write over what another process has put there: its rows would be lost. */
  async #refuseStranger(): Promise<void> {
    const { path } = this.#file;
    const stats = await this.#host.files.stat(path, { bigint: true }).catch(missing);
    if (stats === null || identityOf(stats) === this.#identity) return;
    const reason = "another process has written it; a file is for one";
    throw new StoreError({ action: `write to file "${path}"`, code: "ERR_STORE_SHARED", reason });
  }

  /** Removes what a process left behind that was killed while it wrote. */
  async #sweep(folder: string): Promise<void> {
    const { files, paths } = this.#host;
    const own = `${paths.basename(this.#file.path)}.`;
    for (const name of await files.readdir(folder)) {
      if (name.startsWith(own) && /^[0-9a-f]+\.tmp$/.test(name.slice(own.length))) {
        await files.rm(paths.join(folder, name), { force: true });
      }
    }
    this.#swept = true;
  }
}

const identityOf = ({ ino, size, mtimeNs }: IdentityStats): Identity => `${ino} ${size} ${mtimeNs}`;

/** Null for a file that is not there. */
function missing(failure: unknown): null {
  if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") return null;
  throw failure;
}
