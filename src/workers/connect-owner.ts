import { Check } from "../events/check.ts";
import { MEASURES, type MeasuredSource } from "../events/measurement.ts";
import type { StateStore } from "../state/store.ts";
import type { Lifetime } from "./cloudflare.ts";
import { connectionSettings, type OwnerConnectionOptions } from "./connect-options.ts";
import { OwnedProvider } from "./owned-provider.ts";
import { type ConnectionStats, OwnerLink, type OwnerNamespace } from "./owner-link.ts";
import { ownerMeasures } from "./owner-measures.ts";

/** What of a request its calls need. */
export interface RequestScope {
  /** The binding of the class that `ownerClass` made. */
  readonly namespace: OwnerNamespace;
  /** The third argument of the Worker's handler: reports are sent after the response. */
  readonly lifetime: Lifetime;
  /**
   * Read when an isolate that knows nothing yet gets no answer in time: the store that the owner writes, such as
   * `createKvStore(env.STATE)`.
   * @default none: breakers are then taken to be closed
   */
  readonly warmStart?: StateStore;
}

/** What one isolate shares among its requests about one owner. The exporters of metrics take it as a source. */
export interface OwnerConnection extends MeasuredSource {
  readonly name: string;
  readonly stats: ConnectionStats;
  /**
   * The provider, for the calls of one request.
   * @throws {TypeError} naming the field that cannot be used
   */
  within(scope: RequestScope): OwnedProvider;
}

const KNOWN = ["namespace", "lifetime", "warmStart"];

/**
 * Connects the requests of an isolate to the owner of a provider: a Durable Object whose class `ownerClass` made. Make
 * one per owner, at module scope: it touches nothing, and keeps what the owner has said for all requests.
 *
 * A call asks the last answer first. When that is older than `cacheMs`, one request to the owner brings every breaker,
 * the quota and the budgets; after the call, one report tells how it ended and what it cost, and its reply is the next
 * answer.
 *
 * @param name the name of the owner: of its Durable Object
 * @throws {TypeError|RangeError} naming the argument that cannot be used
 * @example
 * const openai = connectOwner("openai", { classify: classifyHttp });
 *
 * export default {
 *   async fetch(request, env, ctx) {
 *     const provider = openai.within({ namespace: env.PROVIDERS, lifetime: ctx });
 *     const result = await provider.execute("chat", () => fetch(UPSTREAM, { method: "POST", body: request.body }));
 *     return result.outcome === "ok" ? result.value : new Response(null, { status: 503 });
 *   },
 * };
 */
export function connectOwner(name: string, options: OwnerConnectionOptions = {}): OwnerConnection {
  new Check("connect owner").text("name", name, 256);
  const link = new OwnerLink(name, connectionSettings(options));
  return Object.freeze({
    name,
    [MEASURES]: ownerMeasures(link),
    get stats(): ConnectionStats {
      return Object.freeze({ ...link.stats });
    },
    within(scope: RequestScope): OwnedProvider {
      const check = new Check(`use owner "${name}"`);
      check.keys(check.object("scope", scope), KNOWN);
      const { namespace, lifetime, warmStart } = scope;
      check.function("namespace.getByName", check.object("namespace", namespace)["getByName"]);
      check.function("lifetime.waitUntil", check.object("lifetime", lifetime)["waitUntil"]);
      if (warmStart !== undefined) {
        check.function("warmStart.load", check.object("warmStart", warmStart)["load"]);
      }
      return new OwnedProvider(link, scope);
    },
  });
}
