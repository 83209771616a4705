import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";
import { program } from "./programs.ts";

/** A redis-server of the test's own, on 127.0.0.1. */
export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Runs a command and answers what redis prints on the wire, without the client under test. */
  ask(...args: string[]): Promise<string>;
  /** Sends a signal: SIGSTOP to stall it, SIGCONT to let it go on, SIGKILL. */
  signal(name: NodeJS.Signals): void;
  /** Starts it again on the same port, without its data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const READY_LIMIT_MS = 30_000;
const POLL_MS = 20;

/** Starts a redis-server; `extra` are further arguments. */
export async function startRedis(...extra: string[]): Promise<RedisServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "telltale-redis-"));
  const fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const args = ["--port", String(port), ...fixed, ...extra];
  let child = spawn(program("redis-server"), args, { stdio: "ignore" });
  const ended = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await once(child, "exit");
  };
  const ask = (...command: string[]): Promise<string> => askRedis(port, command);
  await untilAnswering(port);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    ask,
    signal: (name) => void child.kill(name),
    restart: async () => {
      await ended();
      child = spawn(program("redis-server"), args, { stdio: "ignore" });
      await untilAnswering(port);
    },
    stop: async () => {
      await ended();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilAnswering(port: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const answer = await askRedis(port, ["PING"]).catch(() => "");
    // A server with users answers that it wants to know who asks.
    if (/PONG|NOAUTH/.test(answer)) return;
    if (waitedMs > READY_LIMIT_MS) throw new Error(`No redis-server answers on port ${port}`);
    await sleep(POLL_MS);
  }
}

/** One command on a connection of its own; ended by QUIT, so that the whole reply is there. */
async function askRedis(port: number, command: readonly string[]): Promise<string> {
  const socket = createConnection({ host: "127.0.0.1", port });
  socket.write(encoded(command) + encoded(["QUIT"]));
  let reply = "";
  socket.on("data", (chunk: Buffer) => {
    reply += chunk.toString("utf8");
  });
  await once(socket, "close");
  return reply.replace(/\+OK\r\n$/, "").trimEnd();
}

function encoded(command: readonly string[]): string {
  const parts = command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
  return `*${command.length}\r\n${parts.join("")}`;
}
