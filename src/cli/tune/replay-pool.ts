import { realpathSync } from "node:fs";
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { EXIT } from "../command-line.ts";
import type { Streams } from "./recording.ts";
import { callsPerSetting, type Outcome, replayAll } from "./replay-all.ts";
import type { Setting } from "./setting.ts";

/** What is to be replayed. */
export interface ReplayWork {
  readonly streams: Streams;
  readonly settings: readonly Setting[];
  readonly slowMs: number;
}

/** How the work is done. */
export interface ReplayHands {
  /**
   * Threads at most; 0 does everything in this one.
   * @default one for each core
   */
  readonly threads?: number;
  /** The program whose inner command `tune-worker` a thread runs. */
  readonly program?: string;
  /** Is told after each setting how many are done. */
  readonly onProgress?: (done: number) => void;
}

/** What a thread is given. The arrays of the streams are shared, not copied. */
interface WorkerTask extends ReplayWork {
  /** The place of the next setting that nobody has begun. */
  readonly next: SharedArrayBuffer;
}

interface WorkerResult {
  readonly place: number;
  readonly outcome: Outcome;
}

/** The inner command of the program that a thread runs. */
export const WORKER_COMMAND = "tune-worker";
/** A thread takes as long to begin as replaying this many calls. */
const CALLS_WORTH_A_THREAD = 2_000_000;

/** Replays every setting, on all cores when there is enough to do. */
export async function replayGrid(
  work: ReplayWork,
  { threads, program, onProgress = () => {} }: ReplayHands = {},
): Promise<readonly Outcome[]> {
  const calls = callsPerSetting(work.streams) * work.settings.length;
  const wanted =
    threads ?? Math.min(availableParallelism(), Math.ceil(calls / CALLS_WORTH_A_THREAD));
  const hands = Math.min(wanted, work.settings.length);
  // One thread more beside this one, which would only wait, is no gain.
  if (hands <= (threads === undefined ? 1 : 0)) {
    return work.settings.map((setting, at) => {
      const outcome = replayAll(work.streams, setting, work.slowMs);
      onProgress(at + 1);
      return outcome;
    });
  }
  const task: WorkerTask = { ...work, next: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) };
  const outcomes: Outcome[] = [];
  let done = 0;
  const take = ({ place, outcome }: WorkerResult): void => {
    outcomes[place] = outcome;
    onProgress(++done);
  };
  // A bin may be a link to the program.
  const file = program ?? realpathSync(process.argv[1] ?? "");
  const workers = Array.from(
    { length: hands },
    () => new Worker(file, { argv: [WORKER_COMMAND], workerData: task }),
  );
  try {
    await Promise.all(workers.map((worker) => finished(worker, take)));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  return outcomes;
}

function finished(worker: Worker, take: (result: WorkerResult) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on("message", take);
    worker.on("error", reject);
    worker.on("exit", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`a thread that replays ended with code ${code}`));
    });
  });
}

/** What a thread does: the next setting that nobody has begun, until there is none. */
export function runReplayWorker(): number {
  if (isMainThread || parentPort === null) {
    process.stderr.write(`telltale ${WORKER_COMMAND} is run by telltale tune alone\n`);
    return EXIT.usage;
  }
  // Given by replayGrid, which is this very program.
  const { streams, settings, slowMs, next } = workerData as WorkerTask;
  const places = new Int32Array(next);
  for (;;) {
    const place = Atomics.add(places, 0, 1);
    const setting = settings[place];
    if (setting === undefined) return EXIT.done;
    const result: WorkerResult = { place, outcome: replayAll(streams, setting, slowMs) };
    parentPort.postMessage(result);
  }
}
