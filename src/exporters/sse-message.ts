/** Sent now and then, so that both ends and everything between them see that the connection is alive. */
export const HEARTBEAT = ": heartbeat\n\n";

/** A message of an event stream; `data` is one line. */
export function message(id: string, name: string, data: string): string {
  return `id: ${id}\nevent: ${name}\ndata: ${data}\n\n`;
}

/** What a stream begins with: how long to wait before it is asked for again, and from where on. */
export function greeting(id: string, retryMs: number): string {
  // Without data no event is dispatched, but the id is remembered.
  return `retry: ${retryMs}\nid: ${id}\n\n`;
}

/** The numbers of one run of the process: those of another run have another epoch. */
export class MessageIds {
  #epoch: string | undefined;

  of(number: number): string {
    // Drawn when it is first needed: a module of a Worker may draw nothing while it loads.
    this.#epoch ??= `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;
    return `${this.#epoch}.${number}`;
  }

  /** The number that an id stands for; null for one of another run, and for what is none. */
  numberOf(id: string): number | null {
    const [, number] = /^\w{1,32}\.(\d{1,15})$/.exec(id) ?? [];
    return number !== undefined && id === this.of(Number(number)) ? Number(number) : null;
  }
}
