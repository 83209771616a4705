import type { Measurement, Measures } from "../events/measurement.ts";
import type { ClusterTask } from "./cluster-task.ts";
import { nameOf } from "./record.ts";

type Facts = Pick<ClusterTask, "phase" | "peers" | "waiting" | "rejected" | "names">;

/** The metrics of a task: what it hears, what it has to tell, and which reset is the last that it knows. */
export function clusterMeasures(task: Facts, losses: () => number): Measures {
  const read = (): readonly Measurement[] => {
    const { phase, peers, waiting, rejected } = task;
    return [
      one("telltale_cluster_connected", phase === "up" ? 1 : 0),
      one("telltale_cluster_losses_total", losses()),
      one("telltale_cluster_peers", peers.length),
      one("telltale_cluster_waiting", waiting),
      // An epoch is the moment of its reset on the store's clock, in milliseconds.
      one("telltale_cluster_reset_timestamp_seconds", newestEpoch(task) / 1000),
      ...Object.entries(rejected).map(
        ([reason, value]): Measurement => ({
          metric: "telltale_cluster_rejected_total",
          words: [reason],
          value,
        }),
      ),
    ];
  };
  return { family: "cluster", read };
}

const one = (metric: Measurement["metric"], value: number): Measurement => ({
  metric,
  words: [],
  value,
});

function newestEpoch({ names }: Facts): number {
  let newest = 0;
  for (const { key, known } of names.slots) {
    if (nameOf(key).kind === "breaker") newest = Math.max(newest, known.e);
  }
  return newest;
}
