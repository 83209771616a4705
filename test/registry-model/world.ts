import { Registry } from "prom-client";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import {
  BreakerRegistry,
  CircuitBreaker,
  type CircuitEvent,
  type Permit,
  type TelltaleEvent,
} from "../../src/index.ts";
import { BOOM } from "../support/breaker.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { parse, valuesOf } from "../support/scrape.ts";
import { type BreakerReference, LEASE_MS, type PermitReference } from "./breaker-reference.ts";
import type { Setup, Step, Use } from "./plan.ts";
import { RegistryReference, type Sighting, type Told } from "./reference.ts";

/** A breaker that somebody holds, kept by the registry or not, and what is known of it. */
interface Held {
  readonly real: CircuitBreaker;
  readonly known: BreakerReference;
}

interface HeldPermit {
  readonly real: Permit;
  readonly known: PermitReference;
  readonly of: BreakerReference;
}

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);

/** A real registry and the reference, taken through the same steps. */
export class RegistryWorld {
  readonly #clock = new FakeClock();
  readonly #registry: BreakerRegistry;
  readonly #reference: RegistryReference;
  readonly #metrics = new Registry();
  readonly #held: Held[] = [];
  readonly #permits: HeldPermit[] = [];
  readonly #told: Told[] = [];
  /** How many of them have been compared. */
  #compared = 0;
  readonly #followed = new Set<CircuitBreaker>();
  /** The number of the last event of each breaker that is kept. */
  readonly #seqs = new Map<string, number>();
  readonly #problems: string[] = [];

  constructor(setup: Setup, saw: (sighting: Sighting) => void) {
    const { limit, spareMs, defaults, overrides, answers } = setup;
    this.#reference = new RegistryReference(setup, saw);
    this.#registry = new BreakerRegistry({
      limit,
      spareMs,
      overrides,
      defaults: { ...defaults, clock: this.#clock, halfOpen: { leaseMs: LEASE_MS } },
      optionsFor: (name) => answers[name],
    });
    this.#registry.on("circuit.*", (event) => this.#hear(event));
    this.#registry.on("registry.*", (event) => this.#hear(event));
    this.#registry.follow({
      added: (breaker) => this.#followed.add(breaker),
      removed: (breaker) => this.#followed.delete(breaker),
    });
    // The only name of the budget is taken, so that every breaker of the registry is counted under __other__.
    exportToPrometheus(new CircuitBreaker("decoy"), this.#metrics, { nameBudget: 1 });
    exportToPrometheus(this.#registry, this.#metrics);
  }

  take(step: Step): void {
    this.#do(step, this.#clock.nowMs);
    this.#compare();
    if (this.#problems.length > 0) throw new Error(this.#problems.join("\n"));
  }

  /** What the metrics say in the end is what all breakers counted while they were kept. */
  async end(): Promise<void> {
    for (const held of this.#held) this.#compareBreaker(held);
    const page = parse(await this.#metrics.metrics());
    const others = (metric: string) =>
      Object.entries(valuesOf(page, `circuit_breaker_${metric}`))
        .filter(([labels]) => labels.startsWith("__other__"))
        .reduce((sum, [, value]) => sum + value, 0);
    const { left, kept } = this.#reference;
    const sum = (field: "settled" | "refused") =>
      kept.reduce((so, { breaker }) => so + breaker[field], left[field]);
    this.#same("calls in the metrics", others("calls_total"), sum("settled"));
    this.#same("skips in the metrics", others("skips_total"), sum("refused"));
    this.#same("states in the metrics", others("state"), kept.length);
    if (this.#problems.length > 0) throw new Error(this.#problems.join("\n"));
  }

  #do(step: Step, nowMs: number): void {
    switch (step.do) {
      case "get": {
        const known = this.#reference.get(step.name, step.given, nowMs);
        const real =
          step.given === null
            ? this.#registry.get(step.name)
            : this.#registry.get(step.name, step.given);
        const held = this.#hold(real, known);
        this.#use(held, step.use, nowMs);
        return;
      }
      case "held": {
        const held = this.#held[step.pick % Math.max(1, this.#held.length)];
        if (held === undefined) return;
        this.#use(held, step.use, nowMs);
        this.#compareBreaker(held);
        return;
      }
      case "settle": {
        const [permit] = this.#permits.splice(step.pick % Math.max(1, this.#permits.length), 1);
        if (permit === undefined) return;
        permit.of.settle(permit.known, step.how, nowMs);
        permit.real[step.how]();
        return;
      }
      case "delete":
        this.#same("delete", this.#registry.delete(step.name), this.#reference.delete(step.name));
        return;
      case "wait":
        this.#clock.advance(step.ms);
        return;
      case "wait for the oldest": {
        const [oldest] = this.#reference.kept;
        const untilMs = oldest?.breaker.sparedUntilMs(this.#reference.setup.spareMs) ?? 0;
        if (Number.isFinite(untilMs)) {
          this.#clock.advance(Math.max(0, untilMs - nowMs + step.plus));
        }
        return;
      }
      case "control":
        this.#control(step.name, step.what, nowMs);
        return;
      default:
        this.#reconfigure(step);
    }
  }

  #hold(real: CircuitBreaker, known: BreakerReference): Held {
    const before = this.#held.find((held) => held.real === real);
    if (before !== undefined) {
      if (before.known !== known) this.#problems.push(`get(${known.name}) gave another breaker`);
      return before;
    }
    if (this.#held.some((held) => held.known === known)) {
      this.#problems.push(`get(${known.name}) gave a new breaker`);
    }
    const held = { real, known };
    this.#held.push(held);
    return held;
  }

  #use({ real, known }: Held, use: Use, nowMs: number): void {
    switch (use) {
      case "nothing":
        return;
      case "record failure":
        known.recordFailure(nowMs);
        real.recordFailure(BOOM);
        return;
      case "cancelled":
        known.cancelled();
        void real.execute(() => undefined, { signal: { aborted: true } });
        return;
      case "released":
      case "permit": {
        const permit = known.admit(nowMs);
        const admitted = real.admit();
        this.#same(`admit of ${known.name}`, admitted.ok, permit !== null);
        if (!admitted.ok || permit === null) return;
        if (use === "permit") this.#permits.push({ real: admitted, known: permit, of: known });
        else {
          known.settle(permit, "release", nowMs);
          admitted.release();
        }
        return;
      }
      case "success":
      case "failure": {
        const permit = known.admit(nowMs);
        if (permit !== null) known.settle(permit, use, nowMs);
        let ran = false;
        try {
          real.callSync(() => {
            ran = true;
            if (use === "failure") throw BOOM;
          });
        } catch {
          // The failure itself, or the refusal.
        }
        this.#same(`call of ${known.name}`, ran, permit !== null);
      }
    }
  }

  #control(name: string, what: (Step & { do: "control" })["what"], nowMs: number): void {
    const known = this.#reference.peek(name);
    const real = this.#registry.peek(name);
    if (known === undefined || real === undefined) return;
    switch (what) {
      case "force":
        known.force(nowMs, Number.POSITIVE_INFINITY);
        real.forceOpen();
        return;
      case "force with an end":
        known.force(nowMs, 100);
        real.forceOpen("drill", { forMs: 100 });
        return;
      default:
        known[what](nowMs);
        real[what]();
    }
  }

  #reconfigure(step: Step & { do: `reconfigure ${string}` }): void {
    if (step.do === "reconfigure all") {
      this.#reference.reconfigureAll(step.options);
      this.#registry.reconfigure(step.options);
      return;
    }
    if (step.do === "reconfigure held") {
      const held = this.#held[step.pick % Math.max(1, this.#held.length)];
      if (held === undefined) return;
      this.#reference.reconfigureHeld(held.known, step.options);
      held.real.reconfigure(step.options);
      return;
    }
    const { name, options } = step;
    const tooMany =
      options !== null &&
      !this.#reference.hasLive(name) &&
      this.#reference.liveWith(name) > this.#reference.setup.limit;
    let refused = false;
    try {
      this.#registry.reconfigure(name, options);
    } catch {
      refused = true;
    }
    this.#same(`reconfigure ${name} refused`, refused, tooMany);
    if (!tooMany) this.#reference.reconfigureOne(name, options);
  }

  #hear(event: TelltaleEvent): void {
    switch (event.type) {
      case "registry.added":
        this.#told.push(["added", event.breaker]);
        this.#seqs.set(event.breaker, 0);
        return;
      case "registry.removed":
        this.#told.push([event.reason, event.breaker]);
        this.#seqs.delete(event.breaker);
        return;
      case "registry.full":
        this.#told.push(["full", event.breaker, event.unkept]);
        return;
      case "bus.listener_failed":
        this.#problems.push(`listener failed: ${event.error.message}`);
        return;
      default:
        if (event.type === "circuit.reconfigure") this.#hearChange(event);
        if ("seq" in event) this.#hearSeq(event);
    }
  }

  #hearChange({ breaker, from, to }: CircuitEvent & { type: "circuit.reconfigure" }): void {
    const known = this.#reference.peek(breaker);
    const pair = (values: typeof from) =>
      [
        values["failureThreshold"] ?? known?.failureThreshold,
        values["cooldownMs"] ?? known?.cooldownMs,
      ].join();
    this.#told.push(["reconfigured", breaker, `${pair(from)} to ${pair(to)}`]);
  }

  /** A number out of its row is an event of a breaker that is not the one that is kept. */
  #hearSeq({ breaker, seq, type }: CircuitEvent): void {
    const last = this.#seqs.get(breaker);
    if (last === undefined || seq !== last + 1) {
      this.#problems.push(`${type} of ${breaker} has seq ${seq} after ${last}`);
    }
    this.#seqs.set(breaker, seq);
  }

  #compare(): void {
    const registry = this.#registry;
    const reference = this.#reference;
    const names = [...registry].map(({ name }) => name);
    this.#same("names", names.join(), reference.names.join());
    this.#same("size", registry.size, reference.kept.length);
    if (registry.size > reference.setup.limit) this.#problems.push(`size is ${registry.size}`);
    this.#same("stats", JSON.stringify(registry.stats), JSON.stringify(reference.stats));
    const { added, evicted, deleted } = registry.stats;
    this.#same("added is what left and what is there", added - evicted - deleted, registry.size);
    this.#same(
      "followed",
      [...this.#followed].map(({ name }) => name).join(),
      reference.names.join(),
    );
    for (const breaker of registry) {
      if (!this.#followed.has(breaker)) this.#problems.push(`${breaker.name} is not followed`);
    }
    for (const held of this.#held) {
      // Those that left change no more by themselves: they are compared when they are used, and in the end.
      if (names.includes(held.known.name)) this.#compareBreaker(held);
    }
    const [told, expected] = [this.#told, reference.told].map((all) =>
      JSON.stringify(all.slice(this.#compared)),
    );
    this.#same("told", told, expected);
    this.#compared = this.#told.length;
  }

  #compareBreaker({ real, known }: Held): void {
    const { stats } = real;
    const isKept = this.#registry.peek(known.name) === real;
    this.#same(`${known.name} is kept`, isKept, this.#reference.peek(known.name) === known);
    const seen = [
      real.state,
      stats.consecutiveFailures,
      real.failureThreshold,
      total(stats.calls),
      total(stats.skips),
    ];
    const expected = [
      known.effectiveState(this.#clock.nowMs),
      known.failures,
      known.failureThreshold,
      known.settled,
      known.refused,
    ];
    this.#same(`breaker ${known.name}`, seen.join(), expected.join());
    if (isKept === (real.bus === this.#registry.bus)) return;
    this.#problems.push(`${known.name} is ${isKept ? "not " : ""}on the registry's bus`);
  }

  #same(what: string, seen: unknown, expected: unknown): void {
    if (seen !== expected) this.#problems.push(`${what}: ${seen} instead of ${expected}`);
  }
}
