import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { FromIdentity, ToIdentity } from "./identity-server.ts";

/** The identity server from outside: a process that can be told, killed and started again on its port. */
export class IdentityProcess {
  #child: ChildProcess | null = null;
  port = 0;

  async start(...active: readonly string[]): Promise<void> {
    const child = fork(new URL("identity-server.ts", import.meta.url), [
      String(this.port),
      ...active,
    ]);
    this.#child = child;
    // What this process sends is of this type.
    const [message] = (await once(child, "message")) as [FromIdentity];
    if (message.kind !== "listening") throw new Error("The identity server did not start");
    ({ port: this.port } = message);
  }

  async tell(message: ToIdentity): Promise<void> {
    const child = this.#child;
    if (child === null) throw new Error("The identity server is not running");
    const done = once(child, "message");
    child.send(message);
    await done;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
}
