import { Agent, request } from "node:http";
import { CONNECTION_HEADER, CONNECTIONS, type Connection } from "./messages.ts";

const TICK_MS = 10;
const CONCURRENCY = 256;
/** After a stall of this process the missed calls are not all made at once. */
const BURST_MS = 100;

/** What the load driver itself saw, apart from telltale. */
export interface LoadCounts {
  /** Calls made. */
  readonly made: number;
  /** Calls by the status of the service's answer. */
  readonly byStatus: Readonly<Record<number, number>>;
  /** Calls by what became of the service's connection to the upstream. */
  readonly byConnection: Readonly<Record<Connection, number>>;
  /** Calls that the service never answered. */
  readonly unanswered: number;
}

/** Makes calls to the service at a steady rate, and counts the answers. */
export class Load {
  #made = 0;
  #unanswered = 0;
  readonly #byStatus: Record<number, number> = {};
  // Every word gets its number, which is what the type says.
  readonly #byConnection = Object.fromEntries(CONNECTIONS.map((word) => [word, 0])) as Record<
    Connection,
    number
  >;
  readonly #port: number;
  readonly #rate: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
  #timer: NodeJS.Timeout | undefined;
  #inFlight = 0;
  #idle: (() => void) | null = null;

  /** `rate` is in calls per second. */
  constructor(port: number, rate: number) {
    this.#port = port;
    this.#rate = rate;
  }

  get counts(): LoadCounts {
    return {
      made: this.#made,
      byStatus: { ...this.#byStatus },
      byConnection: { ...this.#byConnection },
      unanswered: this.#unanswered,
    };
  }

  start(): void {
    let lastMs = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      due += (Math.min(nowMs - lastMs, BURST_MS) * this.#rate) / 1000;
      lastMs = nowMs;
      for (; due >= 1; due--) if (this.#inFlight < CONCURRENCY) this.#call();
    }, TICK_MS);
  }

  /** Makes no further call, and waits until the last one is answered. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#inFlight > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
    this.#agent.destroy();
  }

  /** Drops the calls under way: nobody asks for their results any more. */
  abandon(): void {
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  #call(): void {
    this.#made++;
    this.#inFlight++;
    let over = false;
    const end = (answered: boolean): void => {
      if (over) return;
      over = true;
      if (!answered) this.#unanswered++;
      this.#inFlight--;
      if (this.#inFlight === 0) this.#idle?.();
    };
    const call = request(
      { host: "127.0.0.1", port: this.#port, path: "/", agent: this.#agent },
      (response) => {
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          this.#byStatus[status] = (this.#byStatus[status] ?? 0) + 1;
          const said = response.headers[CONNECTION_HEADER];
          this.#byConnection[CONNECTIONS.find((word) => word === said) ?? "other"]++;
          end(true);
        });
        response.on("close", () => end(false));
        response.resume();
      },
    );
    call.on("error", () => end(false));
    call.end();
  }
}
