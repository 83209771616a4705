import { admitCall } from "../core/beside-breaker.ts";
import type { CancelSignal } from "../core/call-options.ts";
import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import type { CircuitOpenError } from "../core/circuit-open-error.ts";
import { Check } from "../events/check.ts";
import type { HttpGuardSettings, RequestContext } from "./guard-options.ts";
import { HttpCall } from "./http-call.ts";
import { OpenBodies } from "./open-bodies.ts";
import type { RequestFacts } from "./route-names.ts";

/** What a request is admitted with. */
export interface RequestGiven extends RequestFacts {
  readonly signal: CancelSignal | undefined;
  readonly context: RequestContext | undefined;
}

/** The breakers around requests, whatever makes them. */
export class HttpGuard {
  readonly #settings: HttpGuardSettings;
  readonly #bodies: OpenBodies;

  constructor(settings: HttpGuardSettings) {
    this.#settings = settings;
    this.#bodies = new OpenBodies(settings.bodyLeaseMs);
  }

  get breakers(): Iterable<CircuitBreaker> {
    return this.#settings.breakers;
  }

  /** Asks the breaker of a request. */
  begin(request: RequestGiven): HttpCall | CircuitOpenError {
    const settings = this.#settings;
    this.#bodies.sweep(settings.nowMs());
    const { name, failed } = this.#nameOf(request);
    const breaker = settings.breakers.get(name);
    const { signal, context } = request;
    const permit = admitCall(breaker, { context });
    if (!permit.ok) return permit.error;
    if (failed !== null) permit.callbackFailed("nameOf", failed.thrown);
    return new HttpCall(settings, { permit, signal });
  }

  /** Waits for the end of a body, or for the end of its time. */
  await(call: HttpCall): void {
    this.#bodies.add(call, this.#settings.nowMs());
  }

  #nameOf(request: RequestFacts): { name: string; failed: { thrown: unknown } | null } {
    const { nameOf, routes } = this.#settings;
    const usual = () => routes.nameOf(request);
    if (nameOf === undefined) return { name: usual(), failed: null };
    try {
      const name: unknown = nameOf(request);
      if (name === undefined) return { name: usual(), failed: null };
      return { name: new Check("guard request").text("nameOf()", name, 256), failed: null };
    } catch (thrown) {
      return { name: usual(), failed: { thrown } };
    }
  }
}
