import { type ChildProcess, fork } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { DemoFailure } from "./ending.ts";

const STOP_LIMIT_MS = 2_000;

/** What a child is told and what happens around it. */
export interface ChildOptions {
  /** What the messages call it. */
  readonly name: string;
  /** The hidden sub-command and its arguments. */
  readonly args: readonly string[];
  /** It ended without having been stopped. */
  onDeath(failure: DemoFailure): void;
  onLine(stream: "stdout" | "stderr", line: string): void;
}

/** A process of the demo: this very program, run with a hidden sub-command, so that a bundled file can do it too. */
export class Child<Out extends object, In extends { readonly kind: string }> {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<string, (message: In) => void>();
  readonly #exited: Promise<void>;
  #stopping = false;

  constructor({ name, args, onDeath, onLine }: ChildOptions) {
    // fork() passes on process.execArgv, so that the source runs as the bundle does.
    const child = fork(process.argv[1] ?? "", args, { stdio: ["ignore", "pipe", "pipe", "ipc"] });
    this.#process = child;
    for (const stream of ["stdout", "stderr"] as const) {
      // Both are pipes, as asked for above.
      const input = child[stream] as Readable;
      createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) =>
        onLine(stream, line),
      );
    }
    child.on("message", (message) => {
      // Both ends are this very program, so a message is what its type says.
      const told = message as In;
      this.#waiting.get(told.kind)?.(told);
    });
    this.#exited = new Promise((resolve) => {
      child.on("error", (error) => {
        onDeath(new DemoFailure(`the ${name} could not be started: ${error.message}`));
        resolve();
      });
      child.on("exit", (code, signal) => {
        resolve();
        if (this.#stopping) return;
        const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
        onDeath(new DemoFailure(`the ${name} (pid ${child.pid}) ended ${how} during the demo`));
      });
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  send(message: Out): void {
    // A message to a process that has just died is lost; its death is told when it is noticed.
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** The next message of a kind. */
  next<K extends In["kind"]>(kind: K): Promise<Extract<In, { readonly kind: K }>> {
    return new Promise((resolve) => {
      this.#waiting.set(kind, (message) => {
        this.#waiting.delete(kind);
        // Messages are kept apart by their kind.
        resolve(message as Extract<In, { readonly kind: K }>);
      });
    });
  }

  /** Ends the process: it leaves when its channel closes, and is killed when it does not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#process;
    if (child.exitCode !== null || child.signalCode !== null) return;
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
