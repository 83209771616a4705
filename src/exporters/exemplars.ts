import type { BreakerView } from "../core/breaker-view.ts";
import { Check } from "../events/check.ts";
import type { EventOf } from "../events/event.ts";
import type { MetricName } from "../events/metrics.ts";
import type { Watch } from "./breaker-group.ts";
import { type Labels, SLOTS_OF } from "./metric-reading.ts";
import { beginAll, type HeldNames, PerBus } from "./per-bus.ts";
import type { Exemplar } from "./prometheus-metric.ts";

/** What the exporter uses of OpenTelemetry's `trace`. */
export interface ActiveSpans {
  getActiveSpan():
    | {
        spanContext(): {
          readonly traceId: string;
          readonly spanId: string;
          readonly traceFlags: number;
        };
      }
    | undefined;
}

/**
 * Where the exemplar of the present call comes from: `trace` of `@opentelemetry/api`, which gives the active span when
 * it is sampled, or a function that gives the labels, such as `{ trace_id }`, or undefined for none.
 */
export type ExemplarSource = ActiveSpans | (() => Readonly<Record<string, string>> | undefined);

/** Characters of all names and values of an exemplar's labels; Prometheus refuses the whole page beyond it. */
const LONGEST = 128;
const LABEL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SAMPLED = 1;
const CHECK = new Check("take an exemplar");

interface Slot {
  exemplar: Exemplar;
  /** Whether no page has shown it. */
  fresh: boolean;
}

/** Says whose series the calls of a breaker are, and which bucket of its durations a length falls into. */
export interface SeriesOf {
  labels(breaker: string): Labels | undefined;
  bucket(outcome: string, seconds: number): Labels | undefined;
}

/**
 * Keeps one call of each number of refused and failed calls, for whoever sees the number to look at. It is the first
 * one after a scrape, so between two scrapes further calls cost a look at what is kept.
 */
export class Exemplars {
  readonly #read: () => Labels | undefined;
  readonly #seriesOf: SeriesOf;
  readonly #buses = new PerBus((bus, names) => {
    const sink = "prometheus";
    const end = beginAll([
      () =>
        bus.on("circuit.skip", (skip) => this.#skipped(skip, names), {
          sink,
          declines: ({ breaker, reason }) => !this.#wants(breaker, names, SKIPS.get(reason)),
        }),
      () => bus.on("circuit.failure", (failure) => this.#failed(failure, names), { sink }),
    ]);
    return { end };
  });
  /** By the labels of a breaker, then by those of the number. */
  readonly #kept = new Map<Labels, Map<Labels, Slot>>();

  constructor(source: ExemplarSource, seriesOf: SeriesOf) {
    this.#read = typeof source === "function" ? source : () => activeSpan(source);
    this.#seriesOf = seriesOf;
  }

  /** The watch over one breaker. */
  readonly watch: Watch = {
    key: "exemplars",
    begin: ({ bus, name }: BreakerView) => this.#buses.hold(bus, name),
  };

  /** The exemplar of a number that is about to be shown; the next call may then take its place. */
  of(labels: Labels, sharedLabels: Labels): Exemplar | undefined {
    const slot = this.#kept.get(labels)?.get(sharedLabels);
    if (slot === undefined) return undefined;
    slot.fresh = false;
    return slot.exemplar;
  }

  #skipped({ breaker, reason, atMs }: EventOf<"circuit.skip">, names: HeldNames): void {
    const number = SKIPS.get(reason);
    if (this.#wants(breaker, names, number)) this.#keep(breaker, atMs, [[number, 1]]);
  }

  #failed(failure: EventOf<"circuit.failure">, names: HeldNames): void {
    const { breaker, reason, latencyMs, atMs } = failure;
    const numbers: [Labels | undefined, number][] = [[CALLS.get(reason), 1]];
    const seconds = (latencyMs ?? 0) / 1000;
    if (latencyMs !== null) numbers.push([this.#seriesOf.bucket(reason, seconds), seconds]);
    const wanted = numbers.filter(([number]) => this.#wants(breaker, names, number));
    if (wanted.length > 0) this.#keep(breaker, atMs, wanted);
  }

  /** Whether the number has no exemplar that is still to be shown. */
  #wants(breaker: string, names: HeldNames, number: Labels | undefined): number is Labels {
    if (number === undefined || !names.has(breaker)) return false;
    const labels = this.#seriesOf.labels(breaker);
    return labels !== undefined && this.#kept.get(labels)?.get(number)?.fresh !== true;
  }

  #keep(
    breaker: string,
    atMs: number,
    numbers: readonly (readonly [Labels | undefined, number])[],
  ): void {
    const labels = this.#seriesOf.labels(breaker);
    const labelSet = checkedLabels(this.#read());
    if (labels === undefined || labelSet === undefined) return;
    let kept = this.#kept.get(labels);
    if (kept === undefined) {
      kept = new Map();
      this.#kept.set(labels, kept);
    }
    for (const [number, value] of numbers) {
      if (number === undefined) continue;
      kept.set(number, { exemplar: { labelSet, value, timestamp: atMs / 1000 }, fresh: true });
    }
  }
}

/** The further labels of each number, by the word that the event has for it. */
const byWord = (metric: MetricName): ReadonlyMap<string, Labels> =>
  new Map((SLOTS_OF.get(metric) ?? []).map(({ word, labels }) => [word, labels]));
const SKIPS = byWord("circuit_breaker_skips_total");
const CALLS = byWord("circuit_breaker_calls_total");

/** Whether a value is what the option takes. */
export function isExemplarSource(value: unknown): value is ExemplarSource {
  if (typeof value === "function") return true;
  if (typeof value !== "object" || value === null) return false;
  return typeof Reflect.get(value, "getActiveSpan") === "function";
}

function activeSpan(trace: ActiveSpans): Labels | undefined {
  const context = trace.getActiveSpan()?.spanContext();
  // A trace that is not sampled is stored nowhere: there would be nothing to look at.
  if (context === undefined || (context.traceFlags & SAMPLED) === 0) return undefined;
  return { trace_id: context.traceId, span_id: context.spanId };
}

/**
 * A copy of the labels that an exemplar may have.
 * @throws {TypeError|RangeError} when a page with them could not be read
 */
function checkedLabels(given: unknown): Labels | undefined {
  if (given === undefined) return undefined;
  const labels: Record<string, string> = {};
  let length = 0;
  for (const [name, value] of Object.entries(CHECK.object("exemplars()", given))) {
    if (!LABEL_NAME.test(name)) CHECK.range("exemplars()", "labels with legal names", name);
    if (typeof value !== "string") return CHECK.type(`exemplars().${name}`, "a string", value);
    labels[name] = value;
    length += [...name, ...value].length;
  }
  if (length > LONGEST) {
    CHECK.range("exemplars()", `labels of at most ${LONGEST} characters in all`, length);
  }
  return Object.freeze(labels);
}
