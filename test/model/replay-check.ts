import type { BreakerStats, CircuitBreaker, CircuitEvent, EventBus } from "../../src/index.ts";
import { createReplay, type ReplayedBreaker } from "../../src/report/index.ts";
import type { Guarded } from "./guarded.ts";
import {
  beginsPeriod,
  committedState,
  generation,
  incidentNumber,
  isChange,
  isVerdict,
  reopens,
  skipsInIncident,
  skipsSinceOpened,
  unsettledProbes,
} from "./history.ts";

/** What the live breaker reported at the moment when it built an event. */
interface Sighting {
  readonly type: string;
  readonly stats: BreakerStats;
  readonly state: string;
  readonly openedAtMs: number | null;
  readonly retryAfterMs: number | null;
  readonly trafficShare: number;
}

const COUNTERS = ["calls", "skips", "trips", "transitions", "probes"] as const;
/** The events of a committed change. */
const CHANGES: readonly string[] = ["open", "half_open", "close", "disable", "enable"].map(
  (name) => `circuit.${name}`,
);
/** Told before the count is what it will be at the end of the step: a success, and what is found out about it. */
const BEFORE_THE_COUNT = ["circuit.success", "circuit.would_open", "circuit.callback_failed"];
/**
 * With degradation idle time takes failures off the count, which these tell. So does a failure, but while it is built
 * the idle time before it still shows in what is effective.
 */
const TELL_THE_COUNT = [...CHANGES, "circuit.progress", "circuit.degrade"];

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** One breaker whose stream is recorded, replayed, and held against what the breaker itself says. */
class Recorded {
  guarded: Guarded | null = null;
  /** Built and not emitted yet. */
  readonly sightings: Sighting[] = [];
  successes = 0;
  last: CircuitEvent | null = null;
  /** The live counters at the open that began the incident, and at the last open. */
  begin: BreakerStats | null = null;
  reopened: BreakerStats | null = null;
}

/**
 * Records the stream of each breaker as lines of JSON, replays it, and compares: after each event with what the live
 * breaker reported when it built that event, at the end of each step with what it reports then.
 *
 * A bus is asked `has` right before an event is built, when its change is committed and nothing later is: that is when
 * the breaker can be seen as the event tells it. At delivery the whole step is committed.
 */
export class ReplayCheck {
  readonly problems: string[] = [];
  readonly #replay = createReplay();
  readonly #recorded = new Map<string, Recorded>();
  readonly #clockSteps: boolean;
  readonly #instance: string | undefined;
  events = 0;

  /** `clockSteps`: one of the clocks is set during the run, so that times between changes are only the wall's. */
  constructor(instance: boolean, clockSteps: boolean) {
    this.#instance = instance ? "node-1" : undefined;
    this.#clockSteps = clockSteps;
  }

  listenIn(name: string, bus: EventBus): EventBus {
    const recorded = new Recorded();
    this.#recorded.set(name, recorded);
    return {
      ...(bus.instance === undefined ? {} : { instance: bus.instance }),
      on: bus.on.bind(bus),
      has: (type) => {
        const heard = bus.has(type);
        if (heard) this.#see(recorded, type);
        return heard;
      },
      emit: (event) => {
        if ("seq" in event) this.#take(recorded, event);
        bus.emit(event);
      },
    };
  }

  begin(guarded: Guarded): void {
    const recorded = this.#recorded.get(guarded.name);
    if (recorded !== undefined) recorded.guarded = guarded;
  }

  #see(recorded: Recorded, type: string): void {
    const breaker = recorded.guarded?.breaker;
    if (breaker === undefined) return;
    const { stats } = breaker;
    // A call asks for successes as well when it wants to know whether it has to be timed.
    if (type === "circuit.success") {
      if (stats.calls.success === recorded.successes) return;
      recorded.successes = stats.calls.success;
    }
    recorded.sightings.push(sighting(breaker, type, stats));
  }

  #take(recorded: Recorded, event: CircuitEvent): void {
    const seen = recorded.sightings.shift();
    if (seen?.type !== event.type) {
      this.problems.push(`replay: ${event.type} was built where ${seen?.type} was asked for`);
      return;
    }
    this.events++;
    recorded.last = event;
    this.#replay.add(JSON.stringify(event));
    const breaker = this.#replay.breaker(event.breaker, this.#instance);
    if (breaker === null) this.problems.push(`replay: ${event.type} was not taken`);
    else this.#compareEvent(recorded, event, seen, breaker);
  }

  #compareEvent(
    recorded: Recorded,
    event: CircuitEvent,
    seen: Sighting,
    replayed: ReplayedBreaker,
  ): void {
    const at = `after ${event.type} ${event.seq}`;
    const { stats, incident } = replayed;
    const { type } = event;
    this.#counters(at, stats, seen.stats);
    this.#same(`${at}: missing`, replayed.missing, 0);
    this.#same(`${at}: generation`, replayed.generation, event.generation);
    this.#same(`${at}: state`, replayed.state, event.state);
    const due = seen.state === "half_open" && /open/.test(replayed.state);
    // A trip by calls that hang is effective before it is committed.
    const hangs = recorded.guarded?.reference.rules.inFlight === true;
    const pending = hangs && replayed.state === "closed" && /open/.test(seen.state);
    if (!due && !pending) this.#same(`${at}: effective state`, replayed.state, seen.state);
    if (!BEFORE_THE_COUNT.includes(type) && this.#countIsTold(recorded, type)) {
      const { consecutiveFailures } = seen.stats;
      this.#same(`${at}: consecutiveFailures`, stats.consecutiveFailures, consecutiveFailures);
    }
    this.#times(at, CHANGES.includes(type), stats, seen.stats);
    if (type === "circuit.open") {
      recorded.reopened = seen.stats;
      if (event.from === "closed" || event.from === "disabled") recorded.begin = seen.stats;
      const { retryAfterMs } = seen;
      const retryAtMs = retryAfterMs === null ? null : event.atMs + retryAfterMs;
      // The cooldown of a trip by calls that hang may be over when it is committed.
      if (retryAfterMs === 0) {
        this.#same(`${at}: over`, (replayed.retryAtMs ?? Number.NaN) <= event.atMs, true);
      } else this.#same(`${at}: retryAtMs`, replayed.retryAtMs, retryAtMs);
    }
    if (type === "circuit.force_changed") {
      const { retryAfterMs } = seen;
      const retryAtMs = retryAfterMs === null ? null : event.atMs + retryAfterMs;
      this.#same(`${at}: retryAtMs`, replayed.retryAtMs, retryAtMs);
    }
    const rampUp = recorded.guarded?.reference.rules.rampUp ?? null;
    const tellsShare = type === "circuit.degrade" || CHANGES.includes(type);
    if (tellsShare && rampUp === null && !pending) {
      this.#same(`${at}: trafficShare`, replayed.trafficShare, seen.trafficShare);
    }
    this.#same(`${at}: incident`, incident?.openedAtMs ?? null, seen.openedAtMs);
    if (incident === null) return;
    this.#same(`${at}: incidentId`, incident.incidentId, event.incidentId);
    const since = ({ skips }: BreakerStats) => sum(seen.stats.skips) - sum(skips);
    const { begin, reopened } = recorded;
    if (begin === null || reopened === null) throw new Error("An incident begins with an open");
    this.#same(`${at}: skips`, incident.skips, since(begin));
    this.#same(`${at}: skipsSinceOpened`, incident.skipsSinceOpened, since(reopened));
    this.#same(`${at}: probes`, incident.probes, sum(seen.stats.probes) - sum(begin.probes));
  }

  #countIsTold(recorded: Recorded, type: string): boolean {
    return recorded.guarded?.reference.rules.degradation === null || TELL_THE_COUNT.includes(type);
  }

  #times(at: string, change: boolean, told: BreakerStats, live: BreakerStats): void {
    this.#same(`${at}: lastFailureAtMs`, told.lastFailureAtMs, live.lastFailureAtMs);
    this.#same(`${at}: lastSuccessAtMs`, told.lastSuccessAtMs, live.lastSuccessAtMs);
    // Before the first change nothing says how old the breaker was at its first event.
    const begun = sum(told.transitions) > 0;
    if (change || (begun && !this.#clockSteps)) {
      this.#same(`${at}: timeInStateMs`, told.timeInStateMs, live.timeInStateMs);
    }
  }

  /** What the breaker reports at the end of a step is what its stream has told. */
  endStep({ name, breaker, reference }: Guarded): void {
    const replayed = this.#replay.breaker(name, this.#instance);
    const recorded = this.#recorded.get(name);
    if (replayed === null || recorded === undefined) return;
    const { history, rules } = reference;
    const { stats, incident } = replayed;
    const at = `${name} at the end of a step`;
    this.#same(`${at}: events not emitted`, recorded.sightings.length, 0);
    this.#counters(at, stats, breaker.stats);
    this.#times(at, false, { ...stats, timeInStateMs: breaker.stats.timeInStateMs }, breaker.stats);
    this.#same(`${at}: state`, replayed.state, committedState(history));
    this.#same(`${at}: openedAtMs`, incident?.openedAtMs ?? null, breaker.openedAtMs);
    if (incident !== null) {
      this.#same(`${at}: in an incident`, incidentNumber(history) !== null, true);
      this.#same(`${at}: skips`, incident.skips, skipsInIncident(history));
      this.#same(`${at}: since`, incident.skipsSinceOpened, skipsSinceOpened(history));
      this.#same(`${at}: reopens`, incident.reopens, reopens(history));
    }
    const inFlight = unsettledProbes(history).length;
    if (replayed.probesInFlight > inFlight) this.problems.push(`${at}: more probes than there are`);
    // A reset while closed or disabled is told by the next event.
    const period = history.findLast(beginsPeriod);
    const isReset = period !== undefined && !isChange(period);
    if (isReset && replayed.generation < generation(history)) return;
    this.#same(`${at}: generation`, replayed.generation, generation(history));
    // So are idle steps that left the share as it was.
    const idled = history.findLastIndex(({ kind }) => kind === "idled");
    const told = history.findLastIndex((fact) => isVerdict(fact) || beginsPeriod(fact));
    const count = reference.consecutiveFailures;
    const { last } = recorded;
    const toldIdle = last?.type === "circuit.degrade" && last.consecutiveFailures === count;
    if (idled > told && !toldIdle) return;
    this.#same(`${at}: count`, stats.consecutiveFailures, count);
    // Idle steps are effective before they are committed.
    const { consecutiveFailures } = breaker.stats;
    if (consecutiveFailures !== reference.consecutiveFailures) return;
    // So is a trip by calls that hang: until it is committed nothing tells it.
    if (replayed.state === "closed" && breaker.state !== "closed") return;
    if (rules.rampUp === null) {
      this.#same(`${at}: trafficShare`, replayed.trafficShare, breaker.trafficShare);
    }
  }

  #counters(at: string, told: BreakerStats, live: BreakerStats): void {
    for (const group of COUNTERS) this.#same(`${at}: ${group}`, told[group], live[group]);
  }

  #same(what: string, told: unknown, live: unknown): void {
    const [a, b] = [JSON.stringify(told), JSON.stringify(live)];
    if (a !== b) this.problems.push(`replay, ${what}: ${a}, the breaker says ${b}`);
  }
}

function sighting(breaker: CircuitBreaker, type: string, stats: BreakerStats): Sighting {
  const { state, openedAtMs, retryAfterMs, trafficShare } = breaker;
  return { type, stats, state, openedAtMs, retryAfterMs, trafficShare };
}
