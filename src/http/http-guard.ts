import { admitCall } from "../core/beside-breaker.ts";
import type { CancelSignal } from "../core/call-options.ts";
import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import type { CircuitOpenError } from "../core/circuit-open-error.ts";
import { Check } from "../events/check.ts";
import type { HttpGuardSettings, RequestContext } from "./guard-options.ts";
import { urlOf } from "./hosts.ts";
import { HttpCall } from "./http-call.ts";
import { type OpenBodies, openBodiesOf } from "./open-bodies.ts";
import type { RequestTarget } from "./route-names.ts";

/** What a request is admitted with. */
export interface RequestGiven extends RequestTarget {
  readonly signal: CancelSignal | undefined;
  readonly context: RequestContext | undefined;
}

/** The breakers around requests, whatever makes them. */
export class HttpGuard {
  readonly #settings: HttpGuardSettings;
  readonly #bodies: OpenBodies;

  constructor(settings: HttpGuardSettings) {
    this.#settings = settings;
    this.#bodies = openBodiesOf(settings.bodyLeaseMs, settings.clock, settings.shared);
  }

  get breakers(): Iterable<CircuitBreaker> {
    return this.#settings.breakers;
  }

  /** Asks the breaker of a request; null when there is none to ask, because its address has no host. */
  begin(request: RequestGiven): HttpCall | CircuitOpenError | null {
    const settings = this.#settings;
    this.#bodies.sweep();
    let failed: { readonly thrown: unknown } | null = null;
    let breaker = settings.breaker;
    if (breaker === undefined) {
      let name: string | undefined;
      if (settings.nameOf !== undefined) {
        try {
          const { address, method } = request;
          name = givenName(settings.nameOf({ url: urlOf(address), method }));
        } catch (thrown) {
          failed = { thrown };
        }
      }
      if (name === undefined && request.host === "") return null;
      breaker = settings.breakers.get(name ?? settings.routes.nameOf(request));
    }
    const permit = admitCall(breaker, request.context, settings.classify !== undefined);
    if (!permit.ok) return permit.error;
    if (failed !== null) permit.callbackFailed("nameOf", failed.thrown);
    return new HttpCall(settings, permit, request.signal);
  }

  /** Waits for the end of a body, or for the end of its time. */
  await(call: HttpCall): void {
    this.#bodies.add(call);
  }
}

/** The name that the user's function answered, when it answered one. */
function givenName(name: unknown): string | undefined {
  return name === undefined ? undefined : new Check("guard request").text("nameOf()", name, 256);
}
