import { type Command, EXIT } from "./command-line.ts";

/** `telltale cluster`. The client of Redis is loaded when it runs: a help text needs none. */
export const clusterCommand: Command = {
  summary: "what a fleet of tasks holds open, and how to force it open or reset it",
  about: `Reads and changes what the tasks of a cluster share in Redis (joinCluster).
status shows what is held open or marked, for how long, why and by whom;
force-open refuses every call of a breaker in every task; reset closes it in
every task, whatever holds it open; audit shows who forced and reset what, and
why. A change is one script in Redis, which numbers it, writes it to the audit
stream and tells the tasks; one that is cut off has it when it is back.

The password belongs into REDIS_URL and not on the command line, which others can
see. Tasks whose messages are signed (secret) need it in TELLTALE_CLUSTER_SECRET.`,
  operands: {
    value: "ACTION [BREAKER ...]",
    doc: "status, force-open, reset or audit, and for which breakers; status and audit take all without a name",
  },
  options: {
    redis: {
      value: "URL",
      doc: "redis:// or rediss://, several separated by commas for a Redis Cluster (default: REDIS_URL, else redis://127.0.0.1:6379)",
    },
    namespace: { value: "NAME", doc: "the namespace of the cluster (default default)" },
    prefix: { value: "TEXT", doc: "what the keys begin with (default telltale)" },
    why: { value: "TEXT", doc: "force-open, reset: the reason, for events and the audit; needed" },
    by: { value: "WHO", doc: "force-open, reset: who does it (default: you, and this machine)" },
    for: {
      value: "TIME",
      doc: "force-open: for how long, such as 10m, at most 24h (default: until a reset)",
    },
    limit: { value: "N", doc: "audit: how many entries, the newest first (default 20)" },
    format: { value: "FORMAT", doc: "text or json (default text)" },
  },
  examples: [
    ["telltale cluster status --namespace shop", "what is open, for how long, why and by whom"],
    [
      'telltale cluster force-open payments --for 30m --why "INC-42: refunds are doubled"',
      "refuse the calls of every task, for half an hour",
    ],
    ['telltale cluster reset payments --why "INC-42: fixed"', "close it in every task"],
  ],
  exitCodes: {
    [EXIT.done]: "done, or as it was already",
    [EXIT.failed]: "Redis cannot be reached or has refused; the message says why",
    [EXIT.usage]: "wrong usage, or a value that an option cannot have",
  },
  async run(given, operands) {
    return (await import("./cluster/operate.ts")).operate(given, operands);
  },
};
