import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import { isSnapshotError } from "../core/snapshot-error.ts";
import { Check } from "../events/check.ts";
import { describeError } from "../events/describe-error.ts";
import { snapshotRejected } from "../events/snapshot-rejected.ts";
import { ExhaustionRegistry } from "../quota/exhaustion-registry.ts";
import type { DurableContext } from "./cloudflare.ts";
import { checkedStorage } from "./durable-object-store.ts";
import { LedgerLog } from "./ledger-log.ts";
import {
  type DeniedModel,
  OWNER_KIND,
  type OwnerAnswer,
  type RecordedSpend,
} from "./owner-answer.ts";
import { OwnerBreakers } from "./owner-breakers.ts";
import type { OwnerControl, OwnerStatus } from "./owner-control.ts";
import {
  type CheckedOwnerOptions,
  checkedOwnerOptions,
  type OwnerOptions,
} from "./owner-options.ts";
import { checkedRequest, type OwnerRequest } from "./owner-request.ts";
import { RowTable } from "./row-table.ts";
import { WarmStart } from "./warm-start.ts";

const QUOTA_ROW = "quota";

/**
 * What a Durable Object does that owns a provider. Every step is done at once and from memory; its rows are written
 * before it answers, and an answer leaves the object when they are on the disk.
 */
export class ProviderOwner {
  readonly #context: DurableContext;
  readonly #table: RowTable;
  readonly #options: CheckedOwnerOptions;
  readonly #breakers: OwnerBreakers;
  readonly #quota: ExhaustionRegistry;
  readonly #money: LedgerLog | null;
  readonly #warm: WarmStart | null;

  /** @throws {TypeError|RangeError} naming the option that cannot be used */
  constructor(context: DurableContext, given: OwnerOptions) {
    const check = new Check("create owner");
    checkedStorage(check, context.storage);
    const options = checkedOwnerOptions(check, given, context.id.name);
    const { bus, quota, ledger, warmStart, clock } = options;
    const shared = bus === undefined ? { clock } : { clock, bus };
    this.#context = context;
    this.#options = options;
    this.#table = new RowTable(context.storage);
    this.#breakers = new OwnerBreakers(this.#table, options.breakers, shared);
    this.#quota = new ExhaustionRegistry({ ...quota, ...shared });
    this.#restoreQuota();
    this.#money =
      ledger === undefined ? null : new LedgerLog(this.#table, { ...ledger, clock }, bus);
    this.#warm =
      warmStart === undefined
        ? null
        : new WarmStart(warmStart, { context, ...options, text: () => this.#text() });
  }

  /**
   * Takes in what a Worker reports, and answers what it has to know for its next calls.
   * @throws {TypeError|RangeError} when the request cannot be used; nothing of it is then
   */
  exchange(given: unknown): OwnerAnswer {
    const request = checkedRequest(given);
    return this.#step(() => {
      for (const callback of request.callbacks) this.#breakers.callbackFailed(callback);
      for (const call of request.calls) this.#breakers.settle(call);
      for (const skip of request.skips) this.#breakers.skip(skip);
      this.#mark(request);
      const recorded = request.spends.map((spend) => this.#record(spend));
      for (const id of request.releases) this.#money?.release(id);
      const permit = request.probe === null ? null : this.#breakers.probe(request.probe);
      const reserved = this.#reserve(request);
      return { ...this.#answer(), ...reserved, permit, recorded };
    });
  }

  /**
   * What an operator does.
   * @throws {TypeError|RangeError} when it cannot be done
   */
  control({ breaker: name, action, reason, forMs }: OwnerControl): OwnerStatus {
    const check = new Check("control owner");
    const actions: Readonly<Record<OwnerControl["action"], (breaker: CircuitBreaker) => void>> = {
      forceOpen: (breaker) => breaker.forceOpen(reason, forMs === undefined ? {} : { forMs }),
      reset: (breaker) => breaker.reset(reason),
      disable: (breaker) => breaker.disable(),
      enable: (breaker) => breaker.enable(),
    };
    if (!Object.hasOwn(actions, action)) {
      check.range("action", Object.keys(actions).join(" or "), action);
    }
    this.#step(() => {
      if (!this.#breakers.act(name, actions[action])) {
        check.range("breaker", "one of this owner's", name);
      }
    });
    return this.status();
  }

  status(): OwnerStatus {
    const { owner, breakers, exhausted, denied } = this.#step(() => this.#answer());
    const ledger = this.#money?.ledger;
    const spent = ledger?.spent() ?? null;
    return { owner, breakers, exhausted, denied, spent, budgets: ledger?.budgets() ?? null };
  }

  /** What was put off until now. */
  async alarm(): Promise<void> {
    await this.#warm?.alarm();
  }

  /** One step: all that it writes is written together, or the object ends, and comes back as it was before. */
  #step<T>(body: () => T): T {
    try {
      let changed = false;
      const result = this.#table.together(() => {
        const done = body();
        changed = this.#breakers.save();
        this.#money?.fold();
        return done;
      });
      if (changed) this.#warm?.changed();
      return result;
    } catch (thrown) {
      // What is refused by its arguments is refused before anything has changed.
      if (!(thrown instanceof TypeError || thrown instanceof RangeError)) {
        this.#context.abort("telltale: the storage cannot be written");
      }
      throw thrown;
    }
  }

  #answer(): OwnerAnswer {
    const { name, clock } = this.#options;
    const breakers = this.#breakers.verdicts();
    const takenAtMs = clock.epochMs();
    return {
      kind: OWNER_KIND,
      v: 1,
      owner: name,
      takenAtMs,
      breakers,
      exhausted: this.#quota
        .list()
        .map(({ provider, untilMs }) => ({ provider, forMs: untilMs - takenAtMs })),
      denied: this.#denied(),
      permit: null,
      reservation: null,
      unreserved: null,
      recorded: [],
    };
  }

  #text(): string {
    return JSON.stringify(this.#answer());
  }

  #mark({ quota }: OwnerRequest): void {
    if (quota.length === 0) return;
    for (const { provider, forMs } of quota) {
      this.#quota.mark(provider, forMs === null ? {} : { forMs });
    }
    this.#table.put(QUOTA_ROW, JSON.stringify(this.#quota.snapshot()));
    this.#warm?.changed();
  }

  #record(spend: OwnerRequest["spends"][number]): RecordedSpend {
    if (this.#money !== null) return this.#money.record(spend);
    const refused = "the owner has no ledger";
    return { id: spend.id, counted: false, nanoUsd: 0, priced: false, refused };
  }

  #reserve({ reserve }: OwnerRequest): Pick<OwnerAnswer, "reservation" | "unreserved"> {
    if (reserve === null) return { reservation: null, unreserved: null };
    if (this.#money === null) {
      const { provider, model } = reserve;
      const denied = { provider, model, reason: "no ledger", budget: null, retryAfterMs: null };
      return { reservation: null, unreserved: denied };
    }
    try {
      const reserved = this.#money.reserve(reserve);
      return typeof reserved === "string"
        ? { reservation: reserved, unreserved: null }
        : { reservation: null, unreserved: reserved };
    } catch (thrown) {
      // What else came with the request is done by now.
      const { provider, model } = reserve;
      const reason = describeError(thrown).message;
      const denied = { provider, model, reason, budget: null, retryAfterMs: null };
      return { reservation: null, unreserved: denied };
    }
  }

  /** The models that a least use would not be admitted for. */
  #denied(): readonly DeniedModel[] {
    const ledger = this.#money?.ledger;
    if (ledger === undefined) return [];
    const { prices = {} } = this.#options.ledger ?? {};
    return Object.entries(prices).flatMap(([provider, models]) =>
      Object.keys(models).flatMap((model) => {
        const denied = ledger.check({ provider, model, tokens: { output: 1 } });
        if (denied === null) return [];
        const { reason, budget, retryAfterMs } = denied;
        return [{ provider, model, reason, budget, retryAfterMs }];
      }),
    );
  }

  /** What cannot be read is told: a provider is then taken to have quota, and says so itself if it has none. */
  #restoreQuota(): void {
    const text = this.#table.get(QUOTA_ROW);
    if (text === undefined) return;
    try {
      this.#quota.restore(text);
    } catch (thrown) {
      if (!isSnapshotError(thrown)) throw thrown;
      const { bus, clock } = this.#options;
      if (bus?.has("state.rejected") !== true) return;
      const { code, path } = thrown;
      const rejected = { source: "durable object", subject: QUOTA_ROW, code, path };
      bus.emit(snapshotRejected(rejected, { atMs: clock.epochMs(), instance: bus.instance }));
    }
  }
}
