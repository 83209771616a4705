import { setTimeout as sleep } from "node:timers/promises";
import { foldIncidents, renderIncidents } from "../../report/index.ts";
import { EXIT } from "../command-line.ts";
import { Child } from "./child.ts";
import { aborted, abortOnSignals, DemoFailure, Interrupted } from "./ending.ts";
import { Load } from "./load.ts";
import { LogReader } from "./log-reader.ts";
import type {
  FromService,
  FromUpstream,
  Served,
  ServiceConfig,
  ToService,
  ToUpstream,
} from "./messages.ts";
import { Narrator } from "./narrator.ts";
import { prove } from "./proof.ts";
import { countLogged, countRecorded, createRecording, readRecording } from "./recording.ts";
import { writeReports } from "./report-files.ts";
import { scrape } from "./samples.ts";
import { COOLDOWN_MS, FAILURE_THRESHOLD, LATENCY_TRIP_MS, SCRIPT, type Step } from "./script.ts";
import { Terminal } from "./terminal.ts";
import { StatusWatch } from "./watch.ts";
import { count, counted, duration, utc } from "./wording.ts";

/** What the command line asked for. */
export interface DemoSettings {
  /** End after the report, also with a terminal attached. */
  readonly exit: boolean;
  /** The directory of the recording; undefined for a new one. */
  readonly out: string | undefined;
  /** Calls per second. */
  readonly rate: number;
  /** How many times as fast the script runs. */
  readonly speed: number;
  /** Of the breaker; what is undefined is as the script has it. */
  readonly failureThreshold: number | undefined;
  readonly latencyTripMs: number | undefined;
  readonly cooldownMs: number | undefined;
}

const BREAKER = "payments";
/** A step that waits for something to happen gives up after this long. */
const WAIT_LIMIT_MS = 20_000;
const POLL_MS = 20;

/** Runs the demo and returns the exit code. */
export async function runDemo(settings: DemoSettings): Promise<number> {
  const terminal = new Terminal(process.stdout, process.env);
  const ending = new AbortController();
  const offSignals = abortOnSignals(ending);
  // Most often whoever read the output has left, as `head` does.
  process.stdout.on("error", ({ message }) =>
    ending.abort(new Interrupted(`the output cannot be written: ${message}`)),
  );
  const recording = await createRecording(settings.out, Date.now());
  const demo = new Demo(settings, recording, terminal, ending);
  try {
    await Promise.race([demo.run(), aborted(ending.signal)]);
  } catch (thrown) {
    ending.abort(thrown);
    terminal.endStatus();
    if (thrown instanceof Interrupted) {
      terminal.line(`\nStopped (${thrown.message}). The recording is ${recording}`);
      return demo.verdict ?? EXIT.interrupted;
    }
    if (!(thrown instanceof DemoFailure)) throw thrown;
    terminal.line(`\nThe demo failed: ${thrown.message}. The recording is ${recording}`, "bad");
    return EXIT.failed;
  } finally {
    await demo.stop();
    offSignals();
  }
  return demo.verdict ?? EXIT.failed;
}

/** The setting of the breaker. */
function settingOf({ speed, failureThreshold, latencyTripMs, cooldownMs }: DemoSettings) {
  return {
    failureThreshold: failureThreshold ?? FAILURE_THRESHOLD,
    latencyTripMs: latencyTripMs ?? LATENCY_TRIP_MS,
    cooldownMs: cooldownMs ?? COOLDOWN_MS / speed,
  };
}

class Demo {
  /** The exit code that the proof gave; null before it. */
  verdict: number | null = null;
  readonly #settings: DemoSettings;
  readonly #recording: string;
  readonly #terminal: Terminal;
  readonly #ending: AbortController;
  readonly #narrator: Narrator;
  readonly #log: LogReader;
  readonly #children: { stop(): Promise<void> }[] = [];
  #load: Load | null = null;

  constructor(
    settings: DemoSettings,
    recording: string,
    terminal: Terminal,
    ending: AbortController,
  ) {
    this.#settings = settings;
    this.#recording = recording;
    this.#terminal = terminal;
    this.#ending = ending;
    this.#narrator = new Narrator(terminal);
    this.#log = new LogReader(this.#narrator, terminal);
  }

  async run(): Promise<void> {
    const { signal } = this.#ending;
    const { rate, exit } = this.#settings;
    const upstream = this.#start<ToUpstream, FromUpstream>("upstream", ["demo-upstream"]);
    const { port: upstreamPort } = await upstream.next("listening");
    const recording = this.#recording;
    const config = { breaker: BREAKER, upstreamPort, recording, ...settingOf(this.#settings) };
    const service = this.#start<ToService, FromService>("service", [
      "demo-service",
      JSON.stringify(config),
    ]);
    const { port } = await service.next("listening");
    const url = `http://127.0.0.1:${port}`;
    this.#introduce({ upstream, service, url, config });

    const load = new Load(port, rate);
    this.#load = load;
    load.start();
    const watching = new AbortController();
    signal.addEventListener("abort", () => watching.abort(), { once: true });
    new StatusWatch(`${url}/metrics`, this.#terminal, this.#narrator).start(watching.signal);
    for (const step of SCRIPT) await this.#play(step, upstream);
    await load.stop();
    watching.abort();
    this.#terminal.endStatus();

    const flushed = service.next("flushed");
    service.send({ kind: "flush" });
    await flushed;
    const counted = upstream.next("counted");
    upstream.send({ kind: "count" });
    await this.#judge(url, load, (await counted).served);
    if (exit || process.stdout.isTTY !== true) return;
    this.#terminal.line(
      `\nStill serving ${url}/dashboard, /metrics, /metrics/otel and /events. Ctrl-C ends it.`,
    );
    await aborted(signal);
  }

  async stop(): Promise<void> {
    this.#load?.abandon();
    this.#narrator.end();
    await Promise.all(this.#children.map((child) => child.stop()));
  }

  #start<Out extends object, In extends { readonly kind: string }>(
    name: string,
    args: readonly string[],
  ): Child<Out, In> {
    const child = new Child<Out, In>({
      name,
      args,
      onDeath: (failure) => this.#ending.abort(failure),
      onLine: (stream, line) => {
        if (name === "service" && stream === "stdout") this.#log.take(line);
        else this.#terminal.line(`${name}: ${line}`, "warning");
      },
    });
    this.#children.push(child);
    return child;
  }

  #introduce(at: {
    readonly upstream: { readonly pid: number };
    readonly service: { readonly pid: number };
    readonly url: string;
    readonly config: ServiceConfig;
  }): void {
    const { upstream, service, url, config } = at;
    const { upstreamPort, failureThreshold, latencyTripMs, cooldownMs } = config;
    const { rate, speed } = this.#settings;
    const scriptMs = SCRIPT.reduce((sum, { forMs }) => sum + forMs, 0) / speed;
    for (const line of [
      `An outage of about ${Math.round(scriptMs / 1_000)} s, ${count(rate)} calls a second. Times are UTC.`,
      "",
      `  upstream   http://127.0.0.1:${upstreamPort} (pid ${upstream.pid})`,
      `  service    ${url} (pid ${service.pid}), calls the upstream through the breaker "${BREAKER}":`,
      `             ${counted(failureThreshold, "failure")} in a row open it, a call over ${latencyTripMs} ms is one; next probe after ${duration(cooldownMs)}`,
      `  dashboard  ${url}/dashboard`,
      `  metrics    ${url}/metrics (prom-client) and ${url}/metrics/otel (OpenTelemetry)`,
      `  events     ${url}/events (server-sent)`,
      `  recording  ${this.#recording}`,
    ]) {
      this.#terminal.line(line);
    }
  }

  async #play(step: Step, upstream: Child<ToUpstream, FromUpstream>): Promise<void> {
    const { signal } = this.#ending;
    const lengthMs = step.forMs / this.#settings.speed;
    const failedBefore = this.#narrator.failedProbes;
    const entered = upstream.next("entered");
    upstream.send({ kind: "enter", phase: step.phase });
    await entered;
    this.#terminal.heading(
      `${utc(Date.now())}  UPSTREAM ${step.phase.toUpperCase()}: ${step.headline}`,
    );
    await sleep(lengthMs / 4, undefined, { signal });
    if (step.hiccup !== undefined) upstream.send({ kind: "fail-next", calls: step.hiccup });
    await sleep((lengthMs * 3) / 4, undefined, { signal });
    for (let waitedMs = 0; waitedMs < WAIT_LIMIT_MS; waitedMs += POLL_MS) {
      const failedProbes = this.#narrator.failedProbes - failedBefore;
      if (step.until({ state: this.#narrator.state, failedProbes })) return;
      await sleep(POLL_MS, undefined, { signal });
    }
    throw new DemoFailure(
      `the breaker did not react to the ${step.phase} upstream within ${duration(WAIT_LIMIT_MS)}`,
    );
  }

  /** Reports the incidents from the recording, then holds every account of the run against the others. */
  async #judge(url: string, load: Load, served: Served): Promise<void> {
    const { signal } = this.#ending;
    const lines = await readRecording(this.#recording);
    await this.#log.until(countLogged(lines), signal);
    const report = foldIncidents(lines);
    this.#terminal.heading("INCIDENT REPORT, from the recording alone");
    this.#terminal.line(`\n${renderIncidents(report).trimEnd()}`);
    const proof = prove({
      load: load.counts,
      served,
      recorded: countRecorded(lines),
      reportedSkips: report.breakers[BREAKER]?.skips ?? 0,
      promClient: await scrape(`${url}/metrics`, signal),
      openTelemetry: await scrape(`${url}/metrics/otel`, signal),
    });
    this.#terminal.heading("PROOF that every call is accounted for\n");
    for (const line of proof.lines) this.#terminal.line(line);
    this.#terminal.line();
    for (const mismatch of proof.mismatches) this.#terminal.line(`MISMATCH ${mismatch}`, "bad");
    this.verdict = proof.mismatches.length === 0 ? EXIT.done : EXIT.failed;
    if (this.verdict === EXIT.done) {
      this.#terminal.line(`All ${count(load.counts.made)} calls are accounted for.`, "good");
    }
    this.#terminal.line(`The recording is ${this.#recording}`);
    const { page, markdown } = await writeReports(this.#recording);
    this.#terminal.line(`The report is    ${page} (charts) and ${markdown} (to be pasted)`);
    this.#terminal.line(`Other settings   telltale tune ${this.#recording}`);
  }
}
