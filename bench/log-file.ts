import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/** Every so many lines are ours, which makes 5 % of them. */
const OURS_EVERY = 20;
/** Events of ours in one incident. */
const INCIDENT_EVENTS = 2_000;
const START_MS = 1_767_225_600_000;
const BATCH_BYTES = 1_048_576;

/** A log as pino writes it, of about so many bytes: requests, and among them the events of a breaker. Made once. */
export function logFile(folder: string, bytes: number): string {
  const file = join(folder, `requests-${bytes}.log`);
  if (existsSync(file) && statSync(file).size >= bytes) return file;
  mkdirSync(folder, { recursive: true });
  const made = `${file}.${process.pid}`;
  const handle = openSync(made, "w");
  let [written, line, batch] = [0, 0, ""];
  while (written < bytes) {
    batch += lineOf(line++);
    if (batch.length < BATCH_BYTES) continue;
    written += writeSync(handle, batch);
    batch = "";
  }
  closeSync(handle);
  renameSync(made, file);
  return file;
}

function lineOf(line: number): string {
  const base = { time: START_MS + line * 3, pid: 17, hostname: "api-7f9" };
  if (line % OURS_EVERY !== 0) {
    const fields = {
      reqId: `req-${line.toString(36)}`,
      req: {
        ...{ method: "GET", url: `/v1/orders/${line}?expand=lines`, remoteAddress: "10.0.3.7" },
        headers: {
          "user-agent": "checkout/4.1",
          traceparent: "00-0af7651916cd43dd8448eb211c80319c",
        },
      },
      ...{ res: { statusCode: 200 }, responseTime: line % 300, msg: "request completed" },
    };
    return `${JSON.stringify({ level: 30, ...base, ...fields })}\n`;
  }
  return `${JSON.stringify({ level: 40, ...base, ...eventOf(line / OURS_EVERY, base.time) })}\n`;
}

function eventOf(event: number, atMs: number): object {
  const skips = event % INCIDENT_EVENTS;
  const incidentId = `bench-${Math.floor(event / INCIDENT_EVENTS)}`;
  const seq = event + 1;
  const envelope = { v: 1, seq, instance: "api-7f9", atMs, generation: 1, incidentId };
  const ours = (type: string, state: string, fields: object): object => ({
    ...{ breaker: "payments", type, ...envelope, state, ...fields },
    ...{ prevSeq: seq === 1 ? null : seq - 1, msg: type },
  });
  if (skips === 0) {
    return ours("circuit.open", "open", {
      ...{ from: "closed", reason: "error", rule: "consecutive", consecutiveFailures: 5 },
      ...{ failuresByReason: { error: 5, latency: 0 }, window: { calls: 5, failures: 5 } },
      ...{ threshold: 5, cooldownMs: 30_000, retryAtMs: atMs + 30_000, detectMs: 500 },
      ...{ firstFailureAtMs: atMs - 500, reopens: 0, spentMs: 1_000 },
    });
  }
  const lengths = { openMs: skips * 60, skipsSinceOpened: skips, skipsInIncident: skips };
  if (skips < INCIDENT_EVENTS - 1) {
    return ours("circuit.skip", "open", { ...lengths, retryAfterMs: 5_000, reason: "open" });
  }
  return ours("circuit.close", "closed", {
    ...{ from: "half_open", spentMs: 5, reason: "probe", mttrMs: skips * 60, probes: 1 },
    ...{ ...lengths, reopens: 0 },
  });
}
