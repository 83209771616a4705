import type { BreakerView, RegistryView } from "../core/breaker-view.ts";
import type { Check } from "../events/check.ts";
import type { BREAKER_LABEL, METRICS, MetricName } from "../events/metrics.ts";
import { DroppedEvents } from "./dropped-events.ts";
import type { CheckedSource, MetricSettings } from "./metric-arguments.ts";
import { type Labels, labelsOf, type Row, SLOTS_OF, tryRead } from "./metric-reading.ts";
import { beginAll, endAll, type HeldNames, PerBus } from "./per-bus.ts";
import { RecoveryWatch } from "./recovery-watch.ts";
import { SeriesLabels } from "./series-labels.ts";
import { SharedRow } from "./shared-row.ts";

/** One number of one series. */
export interface Sample {
  /** The labels that say whose it is; those of one breaker, or of those that share a name, are one object. */
  readonly labels: Labels;
  /** The further labels of the metric; those of one combination of values are one object. */
  readonly sharedLabels: Labels;
  readonly value: number;
}

/** The numbers of the breakers that share one set of labels, at one scrape. */
export interface LabelledRow {
  readonly labels: Labels;
  readonly row: Row;
}

/** The metrics that a distribution is kept of. */
export type HistogramName = {
  [N in MetricName]: (typeof METRICS)[N]["type"] extends "histogram" ? N : never;
}[MetricName];

/** What else is watched of a breaker; several attachments that ask for the same watch it once. */
export interface Watch {
  /** Watches of one key are the same. */
  readonly key: string;
  /** Begins to watch; returns a function that ends it. */
  begin(view: BreakerView): () => void;
}

/** What the group of one exporter has to know of it. */
export interface GroupContext {
  /** As in the message of an error: `export to Prometheus`. */
  readonly check: Check;
  readonly pipeline: keyof typeof BREAKER_LABEL;
  /** What takes the observations of one series of a histogram, in seconds. */
  series(
    metric: HistogramName,
    labels: Labels,
    words: readonly string[],
  ): (seconds: number) => void;
}

/** What is known of a breaker, also while it is detached. */
interface Member {
  readonly view: BreakerView;
  readonly name: string;
  readonly labels: Labels;
  /** Whether its name is `__other__`. */
  readonly shared: boolean;
  /** Calls of the exporter that asked for it and have not detached yet. */
  holds: number;
  /** Whether its calls are timed: from the first hold that wants it until the last hold ends. */
  timed: boolean;
  /** Picks the incidents that recovered; from the first hold on. */
  recovery: RecoveryWatch | null;
  /** The keys of what else is watched; as long as `timed`. */
  readonly watched: Set<string>;
  readonly offs: (() => void)[];
}

/**
 * The breakers that one target (a prom-client registry, an OpenTelemetry meter) shows, and the one reading of them
 * that both exporters use, so that both say the same.
 */
export class BreakerGroup {
  readonly #context: GroupContext;
  readonly #dropped: DroppedEvents;
  readonly #incidents = new PerBus((bus, names) => {
    const sink = { sink: this.#context.pipeline };
    const of = (breaker: string) => this.#recoveryOf(breaker, names);
    const end = beginAll([
      () => bus.on("circuit.open", (event) => of(event.breaker)?.opened(event), sink),
      () => bus.on("circuit.close", (event) => of(event.breaker)?.closed(event), sink),
      () => bus.on("circuit.restore", (event) => of(event.breaker)?.restored(event), sink),
    ]);
    return { end };
  });
  readonly #shared = new SharedRow();
  readonly #names: SeriesLabels;
  #known = new WeakMap<BreakerView, Member>();
  readonly #attached = new Map<string, Member>();
  /** What ends the following of registries. */
  readonly #followed = new Set<() => void>();
  #version = 0;

  constructor(context: GroupContext) {
    this.#context = context;
    this.#names = new SeriesLabels(context.pipeline);
    this.#dropped = new DroppedEvents({ sink: context.pipeline });
  }

  get isEmpty(): boolean {
    return this.#attached.size === 0 && this.#followed.size === 0;
  }

  /** Another number than before means that other breakers are shown. */
  get version(): number {
    return this.#version;
  }

  /**
   * Adds breakers, all of them or none; of a registry those it has, and from then on those that come.
   * @returns a function that takes them out again
   * @throws {RangeError} when another breaker of the same name is there, or the budget or the attributes differ from
   * those that hold
   */
  attach(
    source: CheckedSource,
    settings: MetricSettings,
    watches: readonly Watch[] = [],
  ): () => void {
    return "follow" in source
      ? this.#follow(source, settings, watches)
      : this.#attachAll(source, settings, watches);
  }

  #follow(registry: RegistryView, settings: MetricSettings, watches: readonly Watch[]): () => void {
    this.#agree(settings);
    const releases = new Map<BreakerView, () => void>();
    let unfollow = () => {};
    const end = () => {
      this.#followed.delete(end);
      endAll([unfollow, ...releases.values()]);
    };
    this.#followed.add(end);
    const follower = {
      added: (view: BreakerView) => {
        releases.set(view, this.#attachAll([view], settings, watches));
      },
      removed: (view: BreakerView) => {
        const release = releases.get(view);
        releases.delete(view);
        release?.();
      },
    };
    try {
      unfollow = registry.follow(follower, { sink: this.#context.pipeline });
    } catch (thrown) {
      end();
      throw thrown;
    }
    return end;
  }

  #agree(settings: MetricSettings): void {
    const { check } = this.#context;
    if (this.#names.agree(check, settings, this.isEmpty)) this.#known = new WeakMap();
  }

  #attachAll(
    breakers: readonly BreakerView[],
    settings: MetricSettings,
    watches: readonly Watch[],
  ): () => void {
    this.#checkNames(breakers);
    this.#agree(settings);
    const members: Member[] = [];
    try {
      for (const view of breakers) {
        const member = this.#known.get(view) ?? this.#makeMember(view);
        members.push(member);
        this.#hold(member, settings.callDurations);
        for (const watch of watches) beginWatch(member, watch);
      }
    } catch (thrown) {
      this.#release(members);
      throw thrown;
    }
    return () => this.#release(members.splice(0));
  }

  /** Takes every breaker out, whoever attached it. */
  clear(): void {
    endAll(this.#followed);
    for (const member of [...this.#attached.values()]) {
      member.holds = 1;
      this.#release([member]);
    }
  }

  /** Reads every breaker, once. One that cannot be read is left out and fails nobody else. */
  read(): readonly LabelledRow[] {
    const rows: LabelledRow[] = [];
    const sharing: BreakerView[] = [];
    for (const { view, shared, labels } of this.#attached.values()) {
      if (shared) sharing.push(view);
      else {
        const row = tryRead(view);
        if (row !== null) rows.push({ labels, row });
      }
    }
    const row = this.#shared.read(sharing);
    if (row !== null) rows.push({ labels: this.#names.other, row });
    return rows;
  }

  /** The samples of a metric that is read, not observed: every metric but the histograms. */
  samples(metric: MetricName, rows: readonly LabelledRow[]): Sample[] {
    switch (metric) {
      case "circuit_breaker_events_dropped_total":
        return [...this.#dropped.bySink].map(([sink, value]) => ({
          labels: NO_LABELS,
          sharedLabels: labelsOf(metric, [sink]),
          value,
        }));
      case "circuit_breaker_series_overflow_total":
        return [{ labels: NO_LABELS, sharedLabels: NO_LABELS, value: this.#names.overflow }];
      default:
        return rows.flatMap(({ labels, row }) =>
          (SLOTS_OF.get(metric) ?? []).map(({ at, labels: sharedLabels }) => ({
            labels,
            sharedLabels,
            value: row[at] ?? 0,
          })),
        );
    }
  }

  /** The labels for which a histogram has series. */
  labelsOf(metric: HistogramName): ReadonlySet<Labels> {
    const optIn = metric === "circuit_breaker_call_duration_seconds";
    const members = [...this.#attached.values()].filter(({ timed }) => timed || !optIn);
    return new Set(members.map(({ labels }) => labels));
  }

  /** The labels of an attached breaker; undefined when none has that name. */
  labelsOfName(name: string): Labels | undefined {
    return this.#attached.get(name)?.labels;
  }

  #checkNames(breakers: readonly BreakerView[]): void {
    const seen = new Map<string, BreakerView>();
    for (const view of breakers) {
      const { name } = view;
      const other = seen.get(name) ?? this.#attached.get(name)?.view ?? view;
      if (other !== view) {
        const allowed = "one that no other breaker here has";
        this.#context.check.range("name", allowed, name);
      }
      seen.set(name, view);
    }
  }

  #makeMember(view: BreakerView): Member {
    const labels = this.#names.labelsOf(view);
    const member: Member = {
      ...{ view, name: view.name, labels, shared: labels === this.#names.other },
      ...{ holds: 0, timed: false, recovery: null, watched: new Set<string>(), offs: [] },
    };
    this.#known.set(view, member);
    return member;
  }

  #hold(member: Member, callDurations: boolean): void {
    member.holds++;
    this.#version++;
    if (member.holds === 1) {
      this.#attached.set(member.name, member);
      if (member.shared) this.#shared.join(member.view);
      this.#watchIncidents(member);
    }
    if (callDurations && !member.timed) this.#watchCalls(member);
  }

  #release(members: readonly Member[]): void {
    const offs: (() => void)[] = [];
    this.#version++;
    for (const member of members) {
      member.holds--;
      if (member.holds > 0) continue;
      this.#attached.delete(member.name);
      if (member.shared) this.#shared.leave(member.view);
      member.timed = false;
      member.watched.clear();
      offs.push(...member.offs.splice(0));
    }
    // Last, because a bus of the user's making may throw: the breakers are out all the same.
    endAll(offs);
  }

  #watchIncidents(member: Member): void {
    const { view, name, labels, offs } = member;
    const metric = "circuit_breaker_recovery_duration_seconds";
    member.recovery = new RecoveryWatch(view, this.#context.series(metric, labels, []));
    offs.push(this.#incidents.hold(view.bus, name));
    offs.push(this.#dropped.listen(view.bus, name));
  }

  /** Who watches the incidents of a breaker of this name; null when it is not attached with this bus. */
  #recoveryOf(name: string, names: HeldNames): RecoveryWatch | null {
    return (names.has(name) ? this.#attached.get(name)?.recovery : null) ?? null;
  }

  #watchCalls(member: Member): void {
    const { view, labels, offs } = member;
    const of = (outcome: string) =>
      this.#context.series("circuit_breaker_call_duration_seconds", labels, [outcome]);
    const series = { success: of("success"), error: of("error"), latency: of("latency") };
    const sink = { sink: this.#context.pipeline };
    offs.push(view.onDuration((outcome, latencyMs) => series[outcome](latencyMs / 1000), sink));
    member.timed = true;
  }
}

const NO_LABELS: Labels = Object.freeze({});

function beginWatch(member: Member, { key, begin }: Watch): void {
  if (member.watched.has(key)) return;
  member.offs.push(begin(member.view));
  member.watched.add(key);
}
