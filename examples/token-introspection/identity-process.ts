import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { FromIdentity, ToIdentity } from "./identity-server.ts";
import type { ClientCredentials } from "./introspection.ts";

/** The identity server did not start, or went although nobody told it to. */
export class IdentityGone extends Error {
  override readonly name = "IdentityGone";
}

/** The identity server from outside: a process that can be told, killed and started again on its port. */
export class IdentityProcess {
  readonly #client: ClientCredentials;
  #child: ChildProcess | null = null;
  port = 0;

  /** `client` is who may ask about tokens. */
  constructor(client: ClientCredentials) {
    this.#client = client;
  }

  /** The id of its process, while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(...active: readonly string[]): Promise<void> {
    const { id, secret } = this.#client;
    // What stands in the arguments of a process can be read by every user of the machine.
    const env = { ...process.env, IDENTITY_CLIENT_ID: id, IDENTITY_CLIENT_SECRET: secret };
    const server = new URL("identity-server.ts", import.meta.url);
    const child = fork(server, [String(this.port), ...active], { env });
    this.#child = child;
    const where = this.port === 0 ? "" : ` on port ${this.port}`;
    const could = `The identity server could not start${where}`;
    const message = await answerOf(child, could);
    if (message.kind === "listening") {
      ({ port: this.port } = message);
      return;
    }
    await this.kill();
    throw new IdentityGone(`${could}: ${message.kind === "failed" ? message.why : message.kind}`);
  }

  async tell(message: ToIdentity): Promise<void> {
    const child = this.#child;
    if (child === null) throw new IdentityGone("The identity server is not running");
    const answer = answerOf(child, "The identity server went");
    // To a process that is gone nothing can be sent; that it is gone the answer says.
    child.send(message, () => {});
    await answer;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    if (isOver(child)) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
}

const isOver = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

/** What the process says next; `lost` is what has happened when it ends instead. */
async function answerOf(child: ChildProcess, lost: string): Promise<FromIdentity> {
  const gone = (): never => {
    const { exitCode, signalCode } = child;
    throw new IdentityGone(`${lost}: it ended by ${signalCode ?? `exit code ${exitCode}`}`);
  };
  if (isOver(child)) gone();
  const settled = new AbortController();
  const { signal } = settled;
  try {
    const answer = once(child, "message", { signal });
    const [message] = await Promise.race([answer, once(child, "exit", { signal }).then(gone)]);
    // What this process sends is of this type.
    return message as FromIdentity;
  } catch (error) {
    // The event `error`: the process cannot be made.
    throw error instanceof IdentityGone ? error : new IdentityGone(`${lost}: ${error}`);
  } finally {
    settled.abort();
  }
}
