import { describeError } from "../events/describe-error.ts";
import type { EventOf } from "../events/event.ts";
import type { Lifetime } from "./cloudflare.ts";
import type { ConnectionSettings } from "./connect-options.ts";
import { IsolateView } from "./isolate-view.ts";
import { Outbox } from "./outbox.ts";
import { type OwnerAnswer, readAnswer } from "./owner-answer.ts";
import type { OwnerControl } from "./owner-control.ts";
import { OwnerJournal } from "./owner-journal.ts";
import type { OwnerRequest } from "./owner-request.ts";
import { OwnerTally } from "./owner-tally.ts";

/** The Durable Object of an owner as its namespace hands it out. */
export interface OwnerStub {
  ask(request: OwnerRequest): PromiseLike<unknown>;
  report(request: OwnerRequest): PromiseLike<unknown>;
  control(control: OwnerControl): PromiseLike<unknown>;
  status(): PromiseLike<unknown>;
}

/** The binding of a class that `ownerClass` made. */
export interface OwnerNamespace {
  getByName(name: string): OwnerStub;
}

/** What an isolate has done with its owner. Counters, which never go back. */
export interface ConnectionStats {
  /** Calls that wanted to run. */
  readonly admissions: number;
  /** Those that had to wait for the owner: all others were answered here. */
  readonly waited: number;
  /** Requests to the owner, whether a call waited for them or not. */
  readonly requests: number;
  /** Times that the owner was asked in vain. */
  readonly failed: number;
}

/** What was asked, for events. */
export type Asked = EventOf<"owner.unreachable">["asked"];

/** How a request to the owner ended. */
export type Exchanged =
  | { readonly ok: true; readonly answer: OwnerAnswer }
  | {
      readonly ok: false;
      readonly reason: "deadline" | "error";
      readonly waitedMs: number;
      readonly thrown: unknown;
    };

/** What one isolate knows of its owner, shared by all its requests. Holds nothing that belongs to a request. */
export class OwnerLink {
  readonly name: string;
  readonly settings: ConnectionSettings;
  readonly view = new IsolateView();
  readonly outbox: Outbox;
  readonly journal: OwnerJournal;
  readonly stats = { admissions: 0, waited: 0, requests: 0, failed: 0 };
  /** Somebody asks until then: who has something to go by need not. */
  askingUntilMs = Number.NEGATIVE_INFINITY;
  /** After a failure nobody waits until then. */
  silentUntilMs = Number.NEGATIVE_INFINITY;
  /** When a call of a breaker that is due ran without a permit, by breaker. */
  readonly #tried = new Map<string, number>();
  readonly tally = new OwnerTally();
  #loss: { readonly sinceMs: number; count: number } | null = null;

  constructor(name: string, settings: ConnectionSettings) {
    this.name = name;
    this.settings = settings;
    this.outbox = new Outbox(settings.spendLimit);
    this.journal = new OwnerJournal(name, settings.bus, () => settings.clock.epochMs());
  }

  /** Whether the last question was in vain. */
  get isLost(): boolean {
    return this.#loss !== null;
  }

  get nowMs(): number {
    return this.settings.clock.monotonicMs();
  }

  /** Sends one request, and waits for so long. An answer that comes later is taken in all the same. */
  async exchange(
    given: { readonly namespace: OwnerNamespace; readonly lifetime: Lifetime },
    asked: Asked,
    { request, deadlineMs }: { readonly request: OwnerRequest; readonly deadlineMs: number },
  ): Promise<Exchanged> {
    const startMs = this.nowMs;
    this.stats.requests++;
    // A stub that has thrown is of no more use: each request has its own.
    const answered = this.#send(given.namespace, asked, request);
    given.lifetime.waitUntil(answered);
    const first = await this.wait(answered, deadlineMs);
    if (first !== undefined) return first;
    const waitedMs = this.nowMs - startMs;
    return { ok: false, reason: "deadline", waitedMs, thrown: undefined };
  }

  /** What a promise resolves to; undefined when that takes longer than so long. */
  async wait<T>(promise: Promise<T>, forMs: number): Promise<T | undefined> {
    const { timers } = this.settings;
    let timer: unknown;
    const late = new Promise<undefined>((resolve) => {
      timer = timers.start(() => resolve(undefined), Math.max(0, forMs));
    });
    const first = await Promise.race([promise, late]);
    timers.stop(timer);
    return first;
  }

  /** Lets time pass. */
  async pause(forMs: number): Promise<void> {
    await this.wait(new Promise<never>(() => {}), forMs);
  }

  /** Whether a call may find out by itself if a dependency is back: one in each `cacheMs`. */
  mayTry(breaker: string): boolean {
    const { nowMs, settings } = this;
    if (nowMs - (this.#tried.get(breaker) ?? Number.NEGATIVE_INFINITY) < settings.cacheMs) {
      return false;
    }
    this.#tried.set(breaker, nowMs);
    return true;
  }

  /** Tells that the owner was asked in vain. */
  failed(
    asked: Asked,
    { reason, waitedMs, thrown }: Extract<Exchanged, { ok: false }>,
    fallback: EventOf<"owner.unreachable">["fallback"],
  ): void {
    const { nowMs } = this;
    this.stats.failed++;
    this.tally.failures[fallback]++;
    this.silentUntilMs = nowMs + this.settings.cacheMs;
    this.#loss ??= { sinceMs: nowMs - waitedMs, count: 0 };
    const count = ++this.#loss.count;
    // A line for each request of an outage would cost more than the outage.
    if (!Number.isInteger(Math.log2(count))) return;
    this.journal.tell("owner.unreachable", () => {
      const goesByView = fallback === "cache" || fallback === "snapshot";
      const ageMs = goesByView ? this.view.ageMs(nowMs) : null;
      const told = { asked, reason, fallback, ageMs, waitedMs, count };
      return reason === "error" ? { ...told, error: describeError(thrown) } : told;
    });
  }

  async #send(namespace: OwnerNamespace, asked: Asked, request: OwnerRequest): Promise<Exchanged> {
    const startMs = this.nowMs;
    try {
      const stub = namespace.getByName(this.name);
      const given = await (asked === "report" ? stub.report(request) : stub.ask(request));
      const answer = readAnswer(`read the answer of owner "${this.name}"`, given);
      this.#took(answer, startMs);
      return { ok: true, answer };
    } catch (thrown) {
      return { ok: false, reason: "error", waitedMs: this.nowMs - startMs, thrown };
    }
  }

  #took(answer: OwnerAnswer, sentMs: number): void {
    const { nowMs } = this;
    this.view.take(answer, nowMs, { sentMs });
    for (const spend of this.outbox.acknowledge(answer.recorded)) {
      const { id, provider, model } = spend;
      const refused = answer.recorded.find((one) => one.id === id)?.refused ?? "";
      this.tally.spendLost("refused", this.settings.clock.epochMs());
      this.journal.tell("owner.spend_lost", () => {
        const error = Object.freeze({ name: "RangeError", message: refused });
        return { provider, model, id, reason: "refused" as const, error };
      });
    }
    const loss = this.#loss;
    if (loss === null) return;
    this.#loss = null;
    this.silentUntilMs = Number.NEGATIVE_INFINITY;
    const { count, sinceMs } = loss;
    const lostMs = Math.max(0, nowMs - sinceMs);
    this.journal.tell("owner.reachable", () => ({ lostMs, count, waiting: this.outbox.spends }));
  }
}
