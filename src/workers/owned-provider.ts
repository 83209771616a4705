import type { RefusalFacts } from "../core/circuit-open-error.ts";
import { judge } from "../core/classification.ts";
import { type ExecuteResult, RefusedResult } from "../core/execute-result.ts";
import { Check } from "../events/check.ts";
import { describeError } from "../events/describe-error.ts";
import type { Outcome } from "../events/vocabulary.ts";
import { quotaSignal } from "../quota/quota-signal.ts";
import { checkedSpend, type Spend } from "../quota/spend-input.ts";
import type { RequestScope } from "./connect-owner.ts";
import { type CheckedCall, checkedCall, type OwnedCallOptions } from "./owned-call-options.ts";
import { type Admitted, admitOwned } from "./owner-admission.ts";
import type { OwnerControl, OwnerStatus } from "./owner-control.ts";
import type { OwnerLink, OwnerStub } from "./owner-link.ts";
import { sendReports } from "./owner-reports.ts";
import { reserveOwned } from "./owner-reservation.ts";

/** One call, from its admission to its report. */
interface OwnedCall<T> extends CheckedCall<T>, Admitted {
  readonly breaker: string;
  /** Null when nothing is reserved. */
  readonly reservation: string | null;
  readonly startMs: number;
}

/** How a call ended. */
type Ended<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

const SPEND = new Check("record spend");
const NO_OPTIONS = Object.freeze({});

/**
 * A provider whose breakers, quota and ledger are a Durable Object's, for the calls of one request. Made by the `within`
 * of what `connectOwner` returns.
 */
export class OwnedProvider {
  readonly #link: OwnerLink;
  readonly #scope: RequestScope;

  constructor(link: OwnerLink, scope: RequestScope) {
    this.#link = link;
    this.#scope = scope;
  }

  /**
   * Runs `fn`, unless the breaker is open or the provider has nothing left to run on, and passes its value or its error
   * through untouched. How it ended is reported to the owner after the response, by `waitUntil`.
   *
   * @param breaker one of the owner's breakers
   * @throws {CircuitOpenError} when the call is refused; `fn` has not run then
   * @throws {TypeError|RangeError} when an argument cannot be used, or the owner has no such breaker
   */
  async call<T>(
    breaker: string,
    fn: () => T | PromiseLike<T>,
    options: OwnedCallOptions<T> = NO_OPTIONS,
  ): Promise<T> {
    const result = await this.execute(breaker, fn, options);
    switch (result.outcome) {
      case "ok":
      case "latency":
        return result.value;
      case "error":
      case "circuit-open":
        throw result.error;
    }
  }

  /**
   * The same, and describes how the call ended instead of throwing: told apart by `outcome`. `consecutiveFailures` is
   * what the owner had said before the call.
   *
   * @throws {TypeError|RangeError} when an argument cannot be used, or the owner has no such breaker
   */
  async execute<T>(
    breaker: string,
    fn: () => T | PromiseLike<T>,
    options: OwnedCallOptions<T> = NO_OPTIONS,
  ): Promise<ExecuteResult<T>> {
    const link = this.#link;
    const check = new Check(`call breaker "${breaker}" of owner "${link.name}"`);
    check.text("breaker", breaker, 256);
    check.function("fn", fn);
    const checked = checkedCall(check, options, link.name);
    const { provider, model } = checked;
    const admission = await admitOwned(link, this.#scope, { breaker, provider, model });
    if (admission === undefined) return check.range("breaker", "one of the owner's", breaker);
    if ("facts" in admission) return this.#refuse(admission.facts, admission.consecutiveFailures);
    const admitted: OwnedCall<T> = {
      ...checked,
      ...admission,
      breaker,
      reservation: null,
      startMs: link.nowMs,
    };
    if (checked.estimate === null) return this.#finish(admitted, await run(fn));
    const reserved = await reserveOwned(link, this.#scope, checked.estimate);
    if (!reserved.ok) return this.#giveBack(admitted, reserved.facts);
    const { reservation } = reserved;
    const call: OwnedCall<T> = { ...admitted, reservation, startMs: link.nowMs };
    return this.#finish(call, await run(fn));
  }

  /**
   * Records a spend: for what is known only when a body has ended. It is sent until the owner has it; what does not get
   * through now is sent with later reports of this isolate.
   *
   * @returns whether the owner has it, or refuses it for good, which `owner.spend_lost` tells
   * @throws {TypeError|RangeError} naming the field that cannot be used
   */
  async spend(spend: Spend): Promise<boolean> {
    const id = this.#keep(spend);
    await this.flush();
    return !this.#link.outbox.holds(id);
  }

  /**
   * Sends what waits to be told, and waits for the owner: before a response that must not be sent unless what it cost
   * is on the disk.
   *
   * @returns whether nothing waits any more
   */
  async flush(): Promise<boolean> {
    const sent = sendReports(this.#link, this.#scope);
    this.#scope.lifetime.waitUntil(sent);
    return sent;
  }

  /**
   * What the owner holds, for operators: asked for now, whatever is known here.
   * @throws what the platform says when the object cannot be asked
   */
  async status(): Promise<OwnerStatus> {
    // The object is of this package, and answers what it says it does.
    return (await this.#stub.status()) as OwnerStatus;
  }

  /**
   * Acts on a breaker of the owner. Isolates hear of it within `cacheMs`.
   * @throws {TypeError|RangeError} when the owner cannot do it, else what the platform says
   */
  async control(control: OwnerControl): Promise<OwnerStatus> {
    return (await this.#stub.control(control)) as OwnerStatus;
  }

  get #stub(): OwnerStub {
    return this.#scope.namespace.getByName(this.#link.name);
  }

  #refuse(facts: RefusalFacts, consecutiveFailures: number): RefusedResult {
    const { outbox, nowMs } = this.#link;
    outbox.skip(facts.breaker, facts.reason, nowMs);
    this.#sendIfDue();
    return new RefusedResult(facts, consecutiveFailures);
  }

  /** Refuses a call that the breaker had admitted and the ledger did not: a probe's slot is free again. */
  #giveBack<T>(
    call: OwnedCall<T>,
    why: Pick<RefusalFacts, "retryAfterMs" | "cause">,
  ): RefusedResult {
    const { breaker, decision, permit, context } = call;
    const { outbox, nowMs } = this.#link;
    if (permit !== null) {
      const report = {
        breaker,
        generation: decision.generation,
        permit,
        outcome: "unreached",
      } as const;
      const nothing = { latencyMs: 0, permanent: false, retryAfterMs: null, error: null };
      outbox.call({ ...report, ...nothing, context: context ?? null }, nowMs);
      this.#send();
    }
    const facts: RefusalFacts = {
      breaker,
      state: permit === null ? "closed" : "half_open",
      reason: "quota",
      openMs: 0,
      skipsSinceOpened: 0,
      incidentId: undefined,
      ...why,
    };
    return this.#refuse(facts, decision.consecutiveFailures);
  }

  #finish<T>(call: OwnedCall<T>, ended: Ended<T>): ExecuteResult<T> {
    const link = this.#link;
    const { breaker, decision, permit, context, signal } = call;
    const { generation, latencyTripMs, consecutiveFailures } = decision;
    const { nowMs } = link;
    const judged = {
      outcome: "success" as Outcome,
      permanent: false,
      retryAfterMs: null as number | null,
      latencyMs: Math.max(0, nowMs - call.startMs),
      signal,
    };
    const judging = {
      settings: { classify: link.settings.classify, latencyTripMs },
      callbackFailed: (callback: string, thrown: unknown) =>
        this.#callbackFailed(breaker, callback, thrown),
    };
    judge(judging, judged, ended.ok, ended.ok ? ended.value : ended.error);
    const { outcome, permanent, retryAfterMs, latencyMs } = judged;
    const error = ended.ok ? null : describeError(ended.error);
    const report = { breaker, generation, permit, outcome, latencyMs, permanent, retryAfterMs };
    link.outbox.call({ ...report, error, context: context ?? null }, nowMs);
    const told = this.#mark(call, ended);
    const spent = ended.ok && this.#spent(call, ended.value);
    if (call.reservation !== null) link.outbox.releaseReservation(call.reservation, nowMs);
    // A success that decides nothing waits for the next report.
    const waits = outcome === "success" && permit === null && call.reservation === null;
    if (!waits || told || spent) this.#send();
    else this.#sendIfDue();
    const latencyTripped = outcome === "latency";
    const measured = { latencyMs, consecutiveFailures, countedAs: outcome };
    if (!ended.ok) return { outcome: "error", error: ended.error, latencyTripped, ...measured };
    const { value } = ended;
    return latencyTripped
      ? { outcome: "latency", value, latencyTripped: true, ...measured }
      : { outcome: "ok", value, latencyTripped: false, ...measured };
  }

  /** Whether what a call ended with says that the quota is used up. */
  #mark<T>({ provider }: OwnedCall<T>, ended: Ended<T>): boolean {
    const { outbox, settings, nowMs } = this.#link;
    const signal = quotaSignal(ended.ok ? ended.value : ended.error, settings.clock.epochMs());
    if (signal === null || signal.retryAfterMs === 0) return false;
    outbox.quota({ provider, forMs: signal.retryAfterMs ?? null }, nowMs);
    return true;
  }

  /** Whether the call has cost anything. */
  #spent<T>({ breaker, spend }: OwnedCall<T>, value: T): boolean {
    if (spend === undefined) return false;
    try {
      const spent = spend(value);
      if (spent !== null) this.#keep(spent);
      return spent !== null;
    } catch (thrown) {
      this.#callbackFailed(breaker, "spend", thrown);
      return true;
    }
  }

  /** Checks a spend here, where the fault is, and keeps it until the owner has it. */
  #keep(spend: Spend): string {
    checkedSpend(SPEND, spend);
    const { outbox, journal, tally, settings, nowMs } = this.#link;
    const identified = { ...spend, id: spend.id ?? crypto.randomUUID() };
    const lost = outbox.spend(identified, nowMs);
    if (lost !== null) {
      const { provider, model, id } = lost;
      const reason = "overflow" as const;
      tally.spendLost(reason, settings.clock.epochMs());
      journal.tell("owner.spend_lost", () => ({ provider, model, id, reason }));
    }
    return identified.id;
  }

  #callbackFailed(breaker: string, callback: string, thrown: unknown): void {
    const { outbox, nowMs } = this.#link;
    outbox.callback({ breaker, callback, error: describeError(thrown) }, nowMs);
  }

  #send(): void {
    this.#scope.lifetime.waitUntil(sendReports(this.#link, this.#scope));
  }

  #sendIfDue(): void {
    const { outbox, settings, nowMs } = this.#link;
    if (outbox.isDue(nowMs, settings.cacheMs)) this.#send();
  }
}

async function run<T>(fn: () => T | PromiseLike<T>): Promise<Ended<T>> {
  try {
    return { ok: true, value: await fn() };
  } catch (error) {
    return { ok: false, error };
  }
}
