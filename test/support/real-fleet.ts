import { expect } from "vitest";
import { TaskProcess, type TaskReport, type TaskSetup } from "./cluster-process.ts";
import { startProxy, type TcpProxy, type Wire } from "./tcp-proxy.ts";
import { until } from "./until.ts";

/** What the tasks of a fleet have in common. */
export interface RealFleetSetup extends Partial<Pick<TaskSetup, "sharded" | "sentinel">> {
  readonly client: TaskSetup["client"];
  /** Where Redis is. */
  readonly port: number;
  /** @default 127.0.0.1, by a wire of the test's own */
  readonly host?: string;
}

/** Tasks in processes of their own, each on a wire of its own unless they speak to a Redis Cluster. */
export class RealFleet {
  readonly #setup: RealFleetSetup;
  readonly tasks: TaskProcess[] = [];
  readonly wires = new Map<TaskProcess, TcpProxy>();

  constructor(setup: RealFleetSetup) {
    this.#setup = setup;
  }

  async boot(name: string, network: string | null = null): Promise<TaskProcess> {
    const { sharded = false, sentinel = false, client, host } = this.#setup;
    // The nodes of a Redis Cluster tell where the others are: no wire would stay between.
    const isDirect = sharded || host !== undefined;
    const wire = isDirect ? null : await startProxy(this.#setup.port);
    const { port } = wire ?? this.#setup;
    const at = { host: host ?? "127.0.0.1", port, network };
    const task = new TaskProcess({ task: name, client, ...at, sharded, sentinel });
    this.tasks.push(task);
    if (wire !== null) this.wires.set(task, wire);
    await until(async () => (await task.report()).status.phase === "up");
    return task;
  }

  wire(task: TaskProcess, wire: Wire): void {
    this.wires.get(task)?.set(wire);
  }

  reports(): Promise<TaskReport[]> {
    return Promise.all(this.tasks.map((task) => task.report()));
  }

  /** All tasks are among the others, nothing waits, and the breaker is so in each of them. */
  async converges(state: string): Promise<void> {
    await until(async () =>
      (await this.reports()).every(
        (report) =>
          report.state === state && report.status.phase === "up" && report.status.waiting === 0,
      ),
    );
  }

  /** The state stays: nothing comes back in the time in which every task reads the store again. */
  async stays(state: string): Promise<void> {
    const before = await this.reports();
    const reads = () => Promise.all(this.tasks.map((task) => task.report()));
    const calls = ({ calls: all }: TaskReport) => Object.values(all).reduce((a, b) => a + b, 0);
    // 400 calls of one in 5 ms: at least three reconciliations.
    await until(async () =>
      (await reads()).every((now, n) => calls(now) >= calls(before[n] ?? now) + 400),
    );
    const after = await reads();
    expect(after.map((report) => report.state)).toEqual(this.tasks.map(() => state));
    expect(after.map(({ opens, closes }) => [opens, closes])).toEqual(
      before.map(({ opens, closes }) => [opens, closes]),
    );
  }

  async noCallFailed(): Promise<void> {
    for (const { calls } of await this.reports()) {
      expect(calls["ok"]).toBeGreaterThan(0);
      expect(Object.keys(calls).filter((one) => one !== "ok" && one !== "circuit-open")).toEqual(
        [],
      );
    }
  }

  async stop(): Promise<void> {
    for (const task of this.tasks) await task.kill();
    for (const wire of this.wires.values()) await wire.stop();
  }
}
