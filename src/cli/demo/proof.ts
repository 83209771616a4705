import type { LoadCounts } from "./load.ts";
import type { Served } from "./messages.ts";
import type { RecordedCounts } from "./recording.ts";
import type { Samples } from "./samples.ts";
import { PHASES } from "./script.ts";
import { count } from "./wording.ts";

/** Every independent account of the same run. */
export interface Accounts {
  /** Counted by the load driver from the answers it got. */
  readonly load: LoadCounts;
  /** Counted by the upstream when a request reached it. */
  readonly served: Served;
  /** Counted from the recorded lines alone. */
  readonly recorded: RecordedCounts;
  /** Skips by the incident report. */
  readonly reportedSkips: number;
  readonly promClient: Samples;
  readonly openTelemetry: Samples;
}

/** What the accounts say together. */
export interface Proof {
  /** The numbers, as lines. */
  readonly lines: readonly string[];
  /** What does not agree; empty when every call is accounted for. */
  readonly mismatches: readonly string[];
}

/** One number, and who says it. */
type Told = readonly (readonly [who: string, value: number])[];

/** Holds the accounts against each other. */
export function prove(accounts: Accounts): Proof {
  const { load, served, recorded, reportedSkips, promClient, openTelemetry } = accounts;
  const { refused, reset, other, answered, none } = load.byConnection;
  const servedInAll = PHASES.reduce((sum, phase) => sum + served[phase], 0);
  const skips = recorded.skipLines + recorded.suppressed;
  const accountedFor = skips + servedInAll + refused + reset;
  const trips = (reason: "error" | "latency"): Told => [
    ["recording", recorded.trips[reason]],
    ["prom-client", promClient.sum("circuit_breaker_trips_total", { reason })],
    ["OpenTelemetry", openTelemetry.sum("circuit_breaker_trips_total", { reason })],
  ];
  const comparisons: readonly (readonly [what: string, told: Told])[] = [
    [
      "skips",
      [
        ["recording", skips],
        ["report", reportedSkips],
        ["prom-client", promClient.sum("circuit_breaker_skips_total")],
        ["OpenTelemetry", openTelemetry.sum("circuit_breaker_skips_total")],
        ["load driver (503)", load.byStatus[503] ?? 0],
        ["load driver (no connection)", none],
      ],
    ],
    ["trips by latency", trips("latency")],
    ["trips by error", trips("error")],
    [
      "calls let through",
      [
        ["prom-client", promClient.sum("circuit_breaker_calls_total")],
        ["OpenTelemetry", openTelemetry.sum("circuit_breaker_calls_total")],
        ["upstream and load driver", servedInAll + refused + reset],
      ],
    ],
    [
      "calls answered",
      [
        ["upstream", servedInAll],
        ["load driver", answered],
      ],
    ],
  ];
  const phases = PHASES.map((phase) => `${phase} ${count(served[phase])}`).join(", ");
  return {
    lines: [
      row("calls made by the load driver", load.made),
      row(
        "= skipped by the breaker",
        skips,
        `the recording: ${count(recorded.skipLines)} lines that stand for ${count(recorded.suppressed)} more`,
      ),
      row("+ served by the upstream", servedInAll, `its own count: ${phases}`),
      row("+ connections refused", refused, "the load driver's count"),
      row("+ connections reset", reset, "the load driver's count"),
      row("accounted for", accountedFor, accountedFor === load.made ? "equal" : "NOT EQUAL"),
      "",
      ...comparisons.map(([what, told]) => agreement(what, told)),
    ],
    mismatches: [
      ...disagreement("calls", [
        ["made by the load driver", load.made],
        ["accounted for", accountedFor],
      ]),
      ...comparisons.flatMap(([what, told]) => disagreement(what, told)),
      ...unexpected("calls that the service never answered", load.unanswered),
      ...unexpected("connections that ended in another way", other),
    ],
  };
}

function row(what: string, value: number, note = ""): string {
  return `  ${what.padEnd(34)}${count(value).padStart(9)}${note === "" ? "" : `   ${note}`}`;
}

/** The number once with everybody who says it, or all the numbers when they differ. */
function agreement(what: string, told: Told): string {
  const [, value = 0] = told[0] ?? [];
  return disagreement(what, told).length === 0
    ? row(what, value, `the same by ${told.map(([who]) => who).join(", ")}`)
    : `  ${what}: NOT EQUAL: ${words(told)}`;
}

const words = (told: Told): string =>
  told.map(([who, value]) => `${who} ${count(value)}`).join(", ");

function disagreement(what: string, told: Told): readonly string[] {
  return new Set(told.map(([, value]) => value)).size === 1 ? [] : [`${what}: ${words(told)}`];
}

function unexpected(what: string, value: number): readonly string[] {
  return value === 0 ? [] : [`${what}: ${count(value)}, expected none`];
}
