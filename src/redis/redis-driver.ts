/** A connection of our own, to the server of the user's client with its credentials; it never reconnects by itself. */
export interface RedisConnection {
  /** Resolves when commands can be sent. */
  connect(): Promise<unknown>;
  /** Runs a command on the server that has the key. */
  command(key: string, args: readonly string[]): Promise<unknown>;
  /** Listens to a channel; `sharded` is the kind of channel. */
  subscribe(
    channel: string,
    sharded: boolean,
    listener: (message: string) => void,
  ): Promise<unknown>;
  /** Ends it at once, whatever is under way, also while it connects. */
  destroy(): void;
}

/** How connections are made. */
interface ConnectionOptions {
  /** After so many milliseconds an attempt to connect has failed. */
  readonly connectMs: number;
  /** Called when the connection has ended by itself, once or several times. */
  readonly lost: () => void;
}

/** The seam to a client: the same few things from each of them. */
export interface RedisDriver {
  /** Runs a command on the user's own client. */
  command(key: string, args: readonly string[]): Promise<unknown>;
  /** Makes a connection of our own, which is not connected yet. */
  connection(options: ConnectionOptions): RedisConnection;
}
