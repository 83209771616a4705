import { once } from "node:events";
import { createServer } from "node:net";
import { parseArgs } from "node:util";

const HOST = "127.0.0.1";
const DEFAULT_PORT = "8787";
const LAST_PORT = 65_535;
const USAGE = `Usage: npm run gateway -- [--port <number>] [--exit]

The gateway in the real workerd, with two fake providers on this machine.

  --port <number>  where it listens on ${HOST}; also PORT of the environment; ${DEFAULT_PORT} unless given, 0 for any
  --exit           tell a short story and end, instead of serving until it is stopped
  --help           this text`;

/** Where the gateway listens on this machine. */
export interface LocalOptions {
  readonly host: string;
  readonly port: number;
  /** Whether it tells a story and ends. */
  readonly isStory: boolean;
}

/** Reads the arguments; ends the process with a sentence when they cannot be followed. */
export async function localOptions(): Promise<LocalOptions> {
  const { help, exit: isStory = false, port: given } = parsed();
  if (help === true) {
    console.log(USAGE);
    process.exit();
  }
  const text = given ?? process.env["PORT"] ?? (isStory ? "0" : DEFAULT_PORT);
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= LAST_PORT))
    refuse(`The port must be a number up to ${LAST_PORT}, received ${text}`);
  await checkFree(port);
  return { host: HOST, port, isStory };
}

const OPTIONS = {
  help: { type: "boolean" },
  exit: { type: "boolean" },
  port: { type: "string" },
} as const;

function parsed() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

function refuse(why: string): never {
  console.error(`${why}\n\n${USAGE}`);
  process.exit(2);
}

/** workerd itself says by a dump of its stack that its port is taken. */
async function checkFree(port: number): Promise<void> {
  const server = createServer().listen(port, HOST);
  try {
    await once(server, "listening");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    console.error(`Cannot listen on port ${port}: ${why}. Give another with --port or PORT.`);
    process.exit(1);
  }
  server.close();
  await once(server, "close");
}
