import { Check } from "../events/check.ts";
import type { Backplane } from "./backplane.ts";
import { Cluster } from "./cluster.ts";
import { type ClusterOptions, clusterSettings } from "./cluster-options.ts";
import type { ClusterRegistry } from "./cluster-seams.ts";

/**
 * Joins the breakers of a registry to those of the same names in other tasks: what opens, is forced open or is reset
 * in one is so in all. Calls read local memory only: no call waits for the store, and none fails because of it. A task
 * that cannot reach the others goes on by itself and says so with `cluster.degraded`.
 *
 * @throws {TypeError|RangeError} when an option is unknown, of the wrong type or outside its range
 * @example
 * const cluster = joinCluster(registry, new MemoryStore().backplane(), { namespace: "shop" });
 * const { scope } = await cluster.reset("payments", "provider fixed"); // "cluster", or "local-only"
 * await cluster.leave();
 */
export function joinCluster(
  registry: ClusterRegistry,
  backplane: Backplane,
  options: ClusterOptions = {},
): Cluster {
  const check = new Check("join cluster");
  check.object("registry", registry);
  check.function("registry.follow", registry.follow);
  check.object("backplane", backplane);
  for (const method of ["connect", "reconnect", "run", "publish", "close"] as const) {
    check.function(`backplane.${method}`, backplane[method]);
  }
  return new Cluster(registry, backplane, clusterSettings(options, registry.bus));
}
