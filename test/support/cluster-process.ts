import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ClusterStatus, ControlResult } from "../../src/redis/index.ts";

/** What a task is started with. */
export interface TaskSetup {
  readonly task: string;
  readonly client: "node-redis" | "ioredis";
  /** Where Redis is for this task. */
  readonly host: string;
  readonly port: number;
  /** The network namespace that it runs in; null in that of the test. */
  readonly network: string | null;
  /** A cluster client. */
  readonly sharded: boolean;
  /** A sentinel over `payments`, whose probe finds the dependency well. */
  readonly sentinel: boolean;
}

/** What a task says of itself. */
export interface TaskReport {
  readonly state: string;
  readonly status: ClusterStatus;
  /** Calls by outcome: of a dependency that is well all the time. */
  readonly calls: Readonly<Record<string, number>>;
  /** How often the breaker opened, and how often it closed. */
  readonly opens: number;
  readonly closes: number;
  readonly degraded: readonly string[];
  readonly recovered: number;
  readonly quota: readonly string[];
}

/** What a task can be told; each is answered. */
export type TaskOrder =
  | { readonly do: "report" | "leave" }
  | { readonly do: "trip" }
  | { readonly do: "force" | "reset" }
  | { readonly do: "check and force" }
  | { readonly do: "quota"; readonly provider: string; readonly forMs: number };

/** A task of a fleet in a process of its own: a real registry, a real client, a breaker that is called all the time. */
export class TaskProcess {
  readonly name: string;
  /** Resolves when the process has ended. */
  readonly ended: Promise<unknown>;
  readonly #child: ChildProcess;
  #orders = 0;

  constructor(setup: TaskSetup) {
    this.name = setup.task;
    const file = fileURLToPath(new URL("cluster-task-main.ts", import.meta.url));
    const inside = setup.network === null ? [] : ["ip", "netns", "exec", setup.network];
    const [command = "", ...args] = [...inside, process.execPath, file, JSON.stringify(setup)];
    this.#child = spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.ended = once(this.#child, "exit");
  }

  /** Gives an order and waits for its answer. */
  async tell<T = unknown>(order: TaskOrder): Promise<T> {
    const id = ++this.#orders;
    return new Promise<T>((resolve, reject) => {
      const ended = () => reject(new Error(`Task ${this.name} has ended`));
      const answered = (message: unknown) => {
        const { id: of, answer } = message as { id: number; answer: T };
        if (of !== id) return;
        this.#child.off("message", answered);
        this.#child.off("exit", ended);
        resolve(answer);
      };
      this.#child.on("message", answered);
      this.#child.once("exit", ended);
      this.#child.send({ id, order });
    });
  }

  report(): Promise<TaskReport> {
    return this.tell<TaskReport>({ do: "report" });
  }

  control(verb: "force" | "reset"): Promise<ControlResult> {
    return this.tell<ControlResult>({ do: verb });
  }

  /** Null when the breaker is not forced open. */
  checkAndForce(): Promise<ControlResult | null> {
    return this.tell<ControlResult | null>({ do: "check and force" });
  }

  /** Ends it at once, as a crash does. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}
