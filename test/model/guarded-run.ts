import type { ExecuteResult, FinishedCall } from "../../src/index.ts";
import { type Deferred, deferred } from "../support/breaker.ts";
import type { Guarded } from "./guarded.ts";
import type { Moment } from "./history.ts";
import type { Admission } from "./in-and-out.ts";
import { giveAnswer, type Judgement, judge, NO_RESULT } from "./judgement.ts";
import { type CallPlan, SYNC_FORMS } from "./plans.ts";
import { firstDifferentKey, refusalProblem } from "./results.ts";
import { THROWABLES, type ThrowableName } from "./thrown.ts";
import type { World } from "./world.ts";

/** What the caller of one guarded call came to hold. */
type Held = { readonly ok: true; readonly value: unknown } | { readonly ok: false; error: unknown };

const CONTEXT = { delivery: 7 };

/**
 * One call through the real breaker, with the reference kept in step: it is told of the admission just before the
 * real call, and of the end in the microtask just before the breaker hears of it.
 */
export class GuardedRun {
  readonly plan: CallPlan;
  readonly guarded: Guarded;
  /** The function has begun and not ended. */
  running = false;
  timed = true;
  startMs = 0;
  readonly #world: World;
  readonly #value: object | undefined;
  readonly #signal: { aborted: boolean; reason: unknown } | undefined;
  readonly #context: object | undefined;
  #admission: Admission | null = null;
  #threw: ThrowableName | null = null;
  #judged: Judgement | null = null;
  #latencyMs: number | null = null;
  #countedAs = "nothing yet";
  #failuresAfter = -1;
  #asked = 0;
  #ran = 0;
  #later: Deferred<unknown> | null = null;
  #thenable: { onValue: (value: unknown) => void; onThrow: (error: unknown) => void } | null = null;

  constructor(world: World, guarded: Guarded, plan: CallPlan) {
    this.#world = world;
    this.guarded = guarded;
    this.plan = plan.via === "callSync" ? { ...plan, form: SYNC_FORMS[plan.form] } : plan;
    this.#value = plan.form === "nothing" ? undefined : { of: guarded.name };
    this.#signal =
      plan.signal === "none"
        ? undefined
        : { aborted: plan.signal === "aborted before", reason: THROWABLES.abort.value };
    this.#context = plan.context ? CONTEXT : undefined;
  }

  get permit(): number | null {
    return typeof this.#admission === "number" ? this.#admission : null;
  }

  start(): void {
    const { guarded } = this;
    const at = this.#world.moment();
    if (this.#signal?.aborted === true) this.#cancelledBefore(at);
    else {
      this.timed = this.#needsTime();
      this.startMs = at.nowMs;
      this.#admission = guarded.reference.admit(at, guarded.chance.turn(), this.#context);
      this.#world.sightings.sawAdmission(guarded, this.#admission, at);
      this.#world.depth.sawAdmission(guarded, this.#admission, at);
      if (!this.timed) this.#world.reach.hit("untimed call");
    }
    this.#call();
  }

  /** Ends a call that was left running. */
  finish(threw: ThrowableName | null, abort: boolean): void {
    if (abort && this.#signal !== undefined) this.#signal.aborted = true;
    this.running = false;
    this.#threw = threw;
    if (this.#thenable !== null) this.#endThenable();
    else if (threw === null) this.#later?.resolve(this.#value);
    else this.#later?.reject(THROWABLES[threw].value);
  }

  /** The real classifier, called for this call. */
  classify(finished: FinishedCall): unknown {
    this.#asked++;
    const threw = this.#threw;
    if (finished.ok !== (threw === null)) this.#problem(`classify was told ok: ${finished.ok}`);
    const held = finished.ok ? finished.value : finished.error;
    if (held !== (threw === null ? this.#value : THROWABLES[threw].value)) {
      this.#problem("classify was given another value than the call's");
    }
    if (finished.latencyMs !== this.#latencyMs) {
      this.#problem(`classify was given ${finished.latencyMs} ms, expected ${this.#latencyMs}`);
    }
    const { answer } = this.plan;
    if (answer.kind === "controls") {
      this.#world.reach.hit("control call inside the classifier");
      this.#world.listeners.reactions++;
      this.#world.classifying = true;
      this.#world.control(this.guarded, answer.control);
      this.#world.classifying = false;
      this.#tellReference();
    }
    return giveAnswer(answer);
  }

  /** Whether anything needs to know how long the call takes: contract.md section 4, `latencyMs`. */
  #needsTime(): boolean {
    const { reference } = this.guarded;
    const { committed, rules } = reference;
    return (
      this.plan.via !== "call" ||
      this.#signal !== undefined ||
      this.#context !== undefined ||
      rules.latencyTripMs !== null ||
      rules.classifies ||
      rules.shadow.length > 0 ||
      rules.degradation !== null ||
      rules.rampUp !== null ||
      rules.trip.some((rule) => rule.kind === "rate" && rule.slowMs !== null) ||
      (committed === "disabled" && rules.trip.some(({ kind }) => kind === "rate")) ||
      !(committed === "closed" || committed === "disabled") ||
      ["success", "failure", "ignored", "late"].some((type) =>
        this.#world.deliveries.hears(`circuit.${type}`),
      )
    );
  }

  #cancelledBefore(at: Moment): void {
    this.#latencyMs = 0;
    this.#threw = "abort";
    this.#countedAs = "cancelled";
    this.guarded.reference.cancelledBefore(at, {
      as: "cancelled",
      permanent: false,
      retryAfterMs: null,
      latencyMs: 0,
      thrown: { value: THROWABLES.abort.value },
      context: this.#context,
      callbackFailed: null,
    });
    this.#world.reach.hit("cancelled before");
  }

  #call(): void {
    const { plan, guarded } = this;
    const { breaker } = guarded;
    const fn = (...given: readonly unknown[]): unknown => this.#run(given);
    const options =
      this.#signal === undefined && this.#context === undefined
        ? undefined
        : {
            ...(this.#signal === undefined ? {} : { signal: this.#signal }),
            ...(this.#context === undefined ? {} : { context: CONTEXT }),
          };
    if (plan.via === "callSync") {
      this.#callSync(fn, options);
      return;
    }
    this.#world.awaitsMicrotasks = true;
    const promise: Promise<unknown> =
      plan.via === "call" ? breaker.call(fn, options) : breaker.execute(fn, options);
    this.#afterStart();
    promise.then(
      (value) => this.#came({ ok: true, value }),
      (error: unknown) => this.#came({ ok: false, error }),
    );
  }

  #callSync(fn: () => unknown, options: object | undefined): void {
    let held: Held;
    try {
      held = { ok: true, value: this.guarded.breaker.callSync<unknown>(fn, options) };
    } catch (error) {
      held = { ok: false, error };
    }
    this.#ended();
    this.#came(held);
  }

  /** The guarded function. */
  #run(given: readonly unknown[]): unknown {
    this.#ran++;
    // Listeners have run since the admission of a probe: their time is not the dependency's.
    const at = this.#world.moment();
    this.startMs = at.nowMs;
    if (this.permit !== null) this.guarded.reference.started(at, this.permit);
    const passed = this.plan.via === "callSync" ? undefined : this.#signal;
    if (given.length !== (passed === undefined ? 0 : 1) || given[0] !== passed) {
      this.#problem("the function was not given the signal of the call, or more than that");
    }
    const { form, throws, signal } = this.plan;
    if (form === "later" || form === "thenable later") {
      this.running = true;
      return form === "later" ? this.#promiseLater() : this.#makeThenable();
    }
    this.#world.pass(this.plan.tookMs);
    if (this.#signal !== undefined) {
      if (signal === "aborted during" || signal === "expired during") this.#signal.aborted = true;
      if (signal === "expired during") this.#signal.reason = THROWABLES.timeout.value;
    }
    if (form === "throw" || (form === "rejected" && !this.#refusesPromise)) this.#threw = throws;
    if (this.plan.via === "callSync") this.#settle();
    else if (form === "value" || form === "nothing" || form === "throw") {
      queueMicrotask(() => this.#settle());
    }
    if (form === "throw") throw THROWABLES[throws].value;
    if (form === "value" || form === "nothing") return this.#value;
    if (form === "thenable") return this.#makeThenable();
    this.#later = deferred();
    if (this.#refusesPromise) this.#world.reach.hit("promise given to callSync");
    if (form === "rejected") this.#later.reject(THROWABLES[throws].value);
    else this.#later.resolve(this.#value);
    // Nobody but the breaker may look at a promise that callSync refuses: its rejection must be handled there.
    return this.#refusesPromise ? this.#later.promise : this.#watched(this.#later.promise);
  }

  /** The function gives a promise to `callSync`, which must refuse it. */
  get #refusesPromise(): boolean {
    const { via, form } = this.plan;
    return (
      via === "callSync" && (form === "resolved" || form === "rejected" || form === "thenable")
    );
  }

  #promiseLater(): Promise<unknown> {
    this.#later = deferred();
    return this.#watched(this.#later.promise);
  }

  /** The reference hears of the end first: its handler is attached before the breaker's. */
  #watched(promise: Promise<unknown>): Promise<unknown> {
    const settle = (): void => this.#settle();
    promise.then(settle, settle);
    return promise;
  }

  /** The breaker has attached its handlers by now, so these run right after them. */
  #afterStart(): void {
    const ended = (): void => this.#ended();
    if (this.permit === null) {
      this.#failuresAfter = this.guarded.reference.consecutiveFailures;
    } else if (this.#later !== null) this.#later.promise.then(ended, ended);
    else if (!this.running && this.plan.form !== "thenable") queueMicrotask(ended);
  }

  #makeThenable(): unknown {
    return {
      // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested here
      then: (onValue: (value: unknown) => void, onThrow: (error: unknown) => void) => {
        this.#thenable = { onValue, onThrow };
        if (this.plan.form === "thenable" && !this.#refusesPromise) this.#endThenable();
      },
    };
  }

  #endThenable(): void {
    queueMicrotask(() => this.#settle());
    if (this.#threw === null) this.#thenable?.onValue(this.#value);
    else this.#thenable?.onThrow(THROWABLES[this.#threw].value);
    queueMicrotask(() => this.#ended());
  }

  /** Tells the reference how the call ended. */
  #settle(): void {
    const { guarded, permit, plan } = this;
    if (permit === null) {
      this.#problem("the function ran although the call was refused");
      return;
    }
    const at = this.#world.moment();
    const threw = this.#threw;
    const latencyMs = this.timed ? at.nowMs - this.startMs : null;
    this.#latencyMs = latencyMs;
    const aborted = this.#signal?.aborted ?? false;
    const expired = aborted && this.#signal?.reason === THROWABLES.timeout.value;
    const { rules } = guarded.reference;
    this.#judged = this.#refusesPromise
      ? NO_RESULT
      : judge(rules, { threw, aborted, expired, latencyMs, answer: plan.answer });
    this.#world.settling = this;
    this.#world.sawEnd(this, at, { ...this.#judged, threw, aborted, expired, latencyMs });
    // A classifier that calls the breaker does so first: the reference then hears of the end from `classify`.
    if (!(this.#judged.asked && plan.answer.kind === "controls")) this.#tellReference();
  }

  #tellReference(): void {
    const { guarded, permit } = this;
    const threw = this.#threw;
    if (permit === null || this.#judged === null) return;
    this.#countedAs = guarded.reference.settle(this.#world.moment(), permit, {
      ...this.#judged,
      latencyMs: this.#latencyMs,
      thrown: threw === null ? null : { value: THROWABLES[threw].value },
      context: this.#context,
    });
    if (this.#countedAs === "late" && !this.timed)
      this.#world.reach.hit("untimed call settled late");
  }

  /** The real breaker has settled the call. */
  #ended(): void {
    this.#failuresAfter = this.guarded.reference.consecutiveFailures;
    const expected = this.#judged?.asked === true ? 1 : 0;
    if (this.#asked !== expected) {
      this.#problem(`classify was asked ${this.#asked} times, expected ${expected}`);
    }
  }

  /** The caller holds its result. */
  #came(held: Held): void {
    const refused = this.#admission !== null && typeof this.#admission === "object";
    if (this.#ran !== (this.permit === null ? 0 : 1)) {
      this.#problem(`the function ran ${this.#ran} times`);
    }
    if (refused) this.#world.refused(this.guarded);
    else this.#world.settledOne(this.guarded);
    if (this.plan.via === "execute") {
      // An execute that resolved gave its result; one that rejected broke its promise and is reported below.
      if (held.ok) this.#checkResult(held.value as ExecuteResult<unknown>);
      else this.#problem("execute() rejected");
    } else if (refused) {
      if (held.ok) this.#problem("a refused call gave a value");
      else this.#checkRefusal(held.error);
    } else if (this.#refusesPromise && this.permit !== null) {
      if (held.ok || !(held.error instanceof TypeError)) this.#problem("it took a promise");
    } else {
      const own = this.#threw === null ? this.#value : THROWABLES[this.#threw].value;
      const got = held.ok ? held.value : held.error;
      if (held.ok !== (this.#threw === null) || got !== own) {
        this.#problem("the caller was given something else than its own value or error");
      }
    }
  }

  #checkResult(result: ExecuteResult<unknown>): void {
    const admission = this.#admission;
    if (admission !== null && typeof admission === "object") {
      const { openMs, skipsSinceOpened, retryAfterMs, reason } = admission;
      const { error, ...rest } = { ...result, error: "error" in result ? result.error : null };
      this.#compare(rest, {
        outcome: "circuit-open",
        openMs,
        skipsSinceOpened,
        retryAfterMs,
        reason,
        latencyMs: 0,
        latencyTripped: false,
        consecutiveFailures: this.#failuresAfter,
        countedAs: "unreached",
      });
      this.#checkRefusal(error);
      return;
    }
    const slow = this.#judged?.as === "latency";
    const measured = {
      latencyMs: this.#latencyMs,
      latencyTripped: slow,
      consecutiveFailures: this.#failuresAfter,
      countedAs: this.#countedAs,
    };
    if (this.#threw === null) {
      const outcome = slow ? "latency" : "ok";
      this.#compare({ ...result }, { ...measured, outcome, value: this.#value });
    } else {
      const error = THROWABLES[this.#threw].value;
      this.#compare({ ...result }, { ...measured, outcome: "error", error });
    }
  }

  #checkRefusal(error: unknown): void {
    const admission = this.#admission;
    if (admission === null || typeof admission === "number") return;
    const incidents = this.#world.deliveries.incidentsOf(this.guarded.name);
    const found = refusalProblem(error, this.guarded.name, admission, incidents);
    if (found !== null) this.#problem(found);
  }

  #compare(actual: object, expected: object): void {
    const found = firstDifferentKey(actual, expected);
    if (found !== null) this.#problem(`result.${found}`);
  }

  #problem(text: string): void {
    this.#world.problem(`${this.plan.via}(): ${text}`);
  }
}
