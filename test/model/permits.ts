import type { Permit } from "../../src/index.ts";
import type { Guarded } from "./guarded.ts";
import type { Ending } from "./in-and-out.ts";
import type { RecordPlan, Span, Step } from "./plans.ts";
import { refusalProblem } from "./results.ts";
import { THROWABLES, type ThrowableName } from "./thrown.ts";
import type { World } from "./world.ts";

interface HeldPermit {
  readonly guarded: Guarded;
  readonly permit: Permit;
  /** The reference's number of it. */
  readonly number: number;
  readonly startMs: number;
  settled: boolean;
}

const NO_VERDICT: Ending = {
  as: "ignored",
  permanent: false,
  retryAfterMs: null,
  latencyMs: null,
  thrown: null,
  context: undefined,
  callbackFailed: null,
};

/** The calls that are not guarded as functions: permits that are settled some time, and records. */
export class Permits {
  readonly #world: World;
  readonly #held: HeldPermit[] = [];

  constructor(world: World) {
    this.#world = world;
  }

  /** When the oldest permit that is not settled was given; undefined without one. */
  get oldestMs(): number | undefined {
    return this.#held.find(({ settled }) => !settled)?.startMs;
  }

  admit(guarded: Guarded): HeldPermit | null {
    const at = this.#world.moment();
    const admission = guarded.reference.admit(at, guarded.chance.turn());
    this.#world.sightings.sawAdmission(guarded, admission, at);
    this.#world.depth.sawAdmission(guarded, admission, at);
    const answer = guarded.breaker.admit();
    if (answer.ok !== (typeof admission === "number")) {
      this.#world.problem(`admit() answered ok: ${answer.ok}`);
    }
    if (answer.ok && typeof admission === "number") {
      // Listeners have run since the admission of a probe: their time is not the dependency's.
      const started = this.#world.moment();
      const { nowMs: startMs } = started;
      guarded.reference.started(started, admission);
      const held = { guarded, permit: answer, number: admission, startMs, settled: false };
      this.#held.push(held);
      return held;
    }
    if (!answer.ok && typeof admission === "object") {
      this.#world.refused(guarded);
      const incidents = this.#world.deliveries.incidentsOf(guarded.name);
      const found = refusalProblem(answer.error, guarded.name, admission, incidents);
      if (found !== null) this.#world.problem(found);
    }
    return null;
  }

  settle(step: Extract<Step, { do: "settle" }>): void {
    const held = this.#held[step.pick % Math.max(1, this.#held.length)];
    if (held === undefined) return;
    this.settlePermit(held, step);
  }

  settlePermit(
    held: HeldPermit,
    {
      method,
      throws,
      latencyMs: span,
    }: Omit<Extract<Step, { do: "settle" }>, "do" | "on" | "pick">,
  ): void {
    const { guarded, permit, number } = held;
    const given = method === "success" || method === "failure" ? this.#latencyOf(span) : undefined;
    const thrown = method === "failure" && throws !== null ? THROWABLES[throws].value : undefined;
    if (held.settled) this.#world.reach.hit("permit settled twice");
    else {
      held.settled = true;
      const at = this.#world.moment();
      const latencyMs = given ?? at.nowMs - held.startMs;
      const words = { ignore: "ignored", cancel: "cancelled", release: "unreached" } as const;
      const ending =
        method === "success" || method === "failure"
          ? this.#reported(method === "success", throws, latencyMs)
          : { ...NO_VERDICT, as: words[method], latencyMs };
      this.#world.sightings.sawSettlement(guarded, number, at, ending);
      guarded.reference.settle(at, number, ending);
      this.#world.settledOne(guarded);
    }
    if (method === "success") permit.success(given);
    else if (method === "failure") permit.failure(thrown, given);
    else permit[method]();
  }

  /** A result reported without the call: a missing error is none, and no classifier is asked. */
  #reported(success: boolean, throws: ThrowableName | null, latencyMs: number | null): Ending {
    const value = throws === null ? undefined : THROWABLES[throws].value;
    const slow = latencyMs !== null && latencyMs > (this.#world.setup.latencyTripMs ?? latencyMs);
    const as = success ? "success" : throws === null ? "error" : THROWABLES[throws].as;
    return {
      ...NO_VERDICT,
      as: slow && as !== "unreached" ? "latency" : as,
      latencyMs,
      thrown: success || value === undefined ? null : { value },
    };
  }

  /** A record is an admission and a settlement in one step: nothing is heard before both are committed. */
  record(guarded: Guarded, { success, throws, latencyMs: span }: RecordPlan): void {
    const at = this.#world.moment();
    const { reference, breaker } = guarded;
    const given = this.#latencyOf(span);
    const ending = this.#reported(success, throws, given ?? null);
    const number = reference.admitRecord(at);
    this.#world.settledOne(guarded);
    this.#world.sightings.sawRecord(guarded, number);
    if (number === null) reference.settleUnadmitted(at, ending);
    else {
      this.#world.sightings.sawSettlement(guarded, number, at, ending);
      reference.settle(at, number, ending);
    }
    if (success) breaker.recordSuccess(given);
    else breaker.recordFailure(throws === null ? undefined : THROWABLES[throws].value, given);
  }

  #latencyOf(span: Span | null): number | undefined {
    if (span === null) return undefined;
    if (typeof span === "number") return span;
    return Math.max(0, (this.#world.setup.latencyTripMs ?? 10) + span.plus);
  }
}
