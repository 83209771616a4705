import type { DurableContext } from "./cloudflare.ts";
import type { OwnerAnswer } from "./owner-answer.ts";
import type { OwnerControl, OwnerStatus } from "./owner-control.ts";
import type { OwnerOptions } from "./owner-options.ts";
import type { OwnerRequest } from "./owner-request.ts";
import { ProviderOwner } from "./provider-owner.ts";

/** `DurableObject` of `cloudflare:workers`, by its shape. */
export type ObjectBase = abstract new (context: never, env: never) => object;

/** What a Durable Object of an owner answers to. */
export interface OwnerMethods {
  /** Every breaker, quota and budget of the provider, and the permit of a probe when one is asked for. */
  ask(request: OwnerRequest): OwnerAnswer;
  /** Takes in how calls ended and what they cost, and answers as `ask` does. */
  report(request: OwnerRequest): OwnerAnswer;
  /** What an operator does to a breaker. */
  control(control: OwnerControl): OwnerStatus;
  /** What it holds, for operators. */
  status(): OwnerStatus;
  /** Called by the platform. */
  alarm(): Promise<void>;
}

/** The class that {@link ownerClass} makes. */
export type OwnerClass<Base extends ObjectBase> = new (
  ...given: ConstructorParameters<Base>
) => InstanceType<Base> & OwnerMethods;

/**
 * A class of Durable Objects, each of which owns one provider: its breakers, its quota marks and its ledger, in SQLite
 * rows that are written before anybody is told. Workers ask it through `connectOwner`. List the class in
 * `new_sqlite_classes`, and export it from the Worker. It starts no timer.
 *
 * @param base `DurableObject` of `cloudflare:workers`
 * @param options what the provider has, by the bindings of the Worker and the name of the object
 * @throws {TypeError|RangeError} when an object is made, naming the option that cannot be used
 * @example
 * import { DurableObject } from "cloudflare:workers";
 *
 * export class Provider extends ownerClass(DurableObject<Env>, () => ({
 *   breakers: { chat: { failureThreshold: 5, latencyTripMs: 20_000 } },
 *   ledger: { prices: PRICES, budgets: [{ name: "month", usdPerMonth: 500, hard: true }] },
 * })) {}
 */
export function ownerClass<Base extends ObjectBase>(
  base: Base,
  options: (env: ConstructorParameters<Base>[1], name: string | undefined) => OwnerOptions,
): OwnerClass<Base> {
  // A class can only extend one whose constructor takes anything; it is called with what the platform gives.
  const Base = base as unknown as new (
    context: DurableContext,
    env: ConstructorParameters<Base>[1],
  ) => object;
  class Owner extends Base implements OwnerMethods {
    readonly #owner: ProviderOwner;

    constructor(context: DurableContext, env: ConstructorParameters<Base>[1]) {
      super(context, env);
      this.#owner = new ProviderOwner(context, options(env, context.id.name));
    }

    ask(request: OwnerRequest): OwnerAnswer {
      return this.#owner.exchange(request);
    }

    report(request: OwnerRequest): OwnerAnswer {
      return this.#owner.exchange(request);
    }

    control(control: OwnerControl): OwnerStatus {
      return this.#owner.control(control);
    }

    status(): OwnerStatus {
      return this.#owner.status();
    }

    alarm(): Promise<void> {
      return this.#owner.alarm();
    }
  }
  // It has the methods of both; what its constructor takes is what the platform gives to any such class.
  return Owner as unknown as OwnerClass<Base>;
}
