import type { Operation } from "./operation.ts";

/** What a backplane tells the cluster. Neither may throw. */
export interface BackplaneListener {
  /** A message of the channel, as it came: it is checked by the cluster. */
  message(text: string): void;
  /** A message came that nobody of the fleet has signed, where messages are signed. */
  forged(): void;
  /** The subscription has ended by itself. */
  lost(): void;
}

/**
 * The seam to the store. Every method may fail, hang or answer nonsense: the cluster has deadlines of its own, checks
 * what comes back, and never lets a call wait for it.
 */
export interface Backplane {
  /**
   * Connects and subscribes; resolves when messages arrive from now on. Clusters of different namespaces share neither
   * records nor messages.
   */
  connect(listener: BackplaneListener, namespace: string): Promise<void>;
  /** Drops every connection, then does as `connect` does, with the listener of before. */
  reconnect(): Promise<void>;
  /** Runs one operation as one script and answers an `Answer`; `runOnStore` is what every backplane must equal. */
  run(operation: Operation): Promise<unknown>;
  /** Sends a message to all tasks, the sender included. */
  publish(text: string): Promise<void>;
  /** Ends the connections. */
  close(): Promise<void>;
}
