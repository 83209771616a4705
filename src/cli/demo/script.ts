/** How the upstream behaves. `gone`: it does not listen, so that connections to it are refused. */
export const PHASES = ["healthy", "slow", "failing", "gone"] as const;
/** How the upstream behaves. */
export type PhaseName = (typeof PHASES)[number];

/** Unless it is asked to be another: a finished call slower than this is a failure; far above what a busy machine adds. */
export const LATENCY_TRIP_MS = 500;
/** How long a call takes in the slow phase. */
export const SLOW_MS = 800;
/** Unless it is asked to be another: this many failures in a row trip the breaker. */
export const FAILURE_THRESHOLD = 5;
/** Unless it is asked to be another, at speed 1: short, so that half a minute has room for several probes. */
export const COOLDOWN_MS = 1200;

/** What the script may wait for before it moves on, all of it read from the service's log. */
interface Seen {
  /** The breaker's committed state. */
  readonly state: string;
  /** Failed probes since the step began. */
  readonly failedProbes: number;
}

/** One step of the script. */
export interface Step {
  readonly phase: PhaseName;
  /** Its length at speed 1. */
  readonly forMs: number;
  readonly headline: string;
  /** A quarter through, this many calls in a row are answered with a 500: fewer than trip the breaker. */
  readonly hiccup?: number;
  /** The step lasts until this is true, so that a busy machine plays the same story. */
  readonly until: (seen: Seen) => boolean;
}

const closed = ({ state }: Seen): boolean => state === "closed";
const probed = ({ failedProbes }: Seen): boolean => failedProbes > 0;

/** The outage: two incidents, one tripped by slow calls and one by errors that turns into refused connections. */
export const SCRIPT: readonly Step[] = [
  {
    phase: "healthy",
    forMs: 3_000,
    headline: "every call is answered at once, but for three errors in a row",
    hiccup: 3,
    until: closed,
  },
  {
    phase: "slow",
    forMs: 7_000,
    headline: `every answer takes ${SLOW_MS} ms`,
    until: probed,
  },
  {
    phase: "healthy",
    forMs: 4_000,
    headline: "every call is answered at once again",
    until: closed,
  },
  {
    phase: "failing",
    forMs: 5_000,
    headline: "every answer is a 500",
    until: probed,
  },
  {
    phase: "gone",
    forMs: 6_000,
    headline: "connections are refused",
    until: probed,
  },
  {
    phase: "healthy",
    forMs: 5_000,
    headline: "it is back, and every call is answered at once",
    until: closed,
  },
];
