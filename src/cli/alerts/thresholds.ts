/** What a threshold may be. */
export type ThresholdKind = "count" | "share" | "rate" | "factor";

interface ThresholdDefinition {
  readonly kind: ThresholdKind;
  readonly usual: number;
  /** What it decides, for the help text and the docs. */
  readonly doc: string;
}

/** Every number that decides an alert, by the name of its option. */
export const THRESHOLDS = {
  "imminent-failures": {
    kind: "count",
    usual: 2,
    doc: "TripImminent: this many failures, or fewer, are missing to a trip",
  },
  "imminent-progress": {
    kind: "share",
    usual: 0.8,
    doc: "TripImminent: or this share of the way to a trip is done",
  },
  "flapping-trips": {
    kind: "count",
    usual: 3,
    doc: "Flapping: one instance opens anew this often in 30 minutes",
  },
  "skip-ratio": {
    kind: "share",
    usual: 0.25,
    doc: "SkipRatioHigh: more than this share of the calls is refused",
  },
  "skip-minimum-rate": {
    kind: "rate",
    usual: 0.1,
    doc: "SkipRatioHigh: only with this many calls per second, or more",
  },
  objective: {
    kind: "share",
    usual: 0.99,
    doc: "ErrorBudgetBurn: the share of calls that must succeed",
  },
  "burn-rate": {
    kind: "factor",
    usual: 14.4,
    doc: "ErrorBudgetBurn: the budget is used up more than this many times too fast",
  },
  "burn-minimum-rate": {
    kind: "rate",
    usual: 0.03,
    doc: "ErrorBudgetBurn: only with this many calls per second, or more",
  },
  "recovery-factor": {
    kind: "factor",
    usual: 2,
    doc: "RecoveryRegression: a day's mean is more than this many times the week's",
  },
  "recovery-incidents": {
    kind: "count",
    usual: 3,
    doc: "RecoveryRegression: only with this many recoveries in both, or more",
  },
  "budget-high": {
    kind: "share",
    usual: 0.8,
    doc: "BudgetHigh: this share of a budget is spent, or more",
  },
  "budget-end": {
    kind: "share",
    usual: 0.95,
    doc: "BudgetEnd: this share of a budget is spent, or more",
  },
  "depletion-days": {
    kind: "count",
    usual: 3,
    doc: "BudgetDepletion: a budget is used up within this many days",
  },
} as const satisfies Readonly<Record<string, ThresholdDefinition>>;

export type ThresholdName = keyof typeof THRESHOLDS;

export type Thresholds = Readonly<Record<ThresholdName, number>>;

// The keys of THRESHOLDS are ThresholdName by definition.
export const THRESHOLD_NAMES = Object.keys(THRESHOLDS) as readonly ThresholdName[];

/** What is allowed, as in the message of an error. */
export const ALLOWED: Readonly<Record<ThresholdKind, string>> = {
  count: "a positive integer up to 1000",
  share: "a number above 0 and below 1",
  rate: "a number of calls per second, 0 or more",
  factor: "a number of at least 1",
};

/** Whether a number can be a threshold of this kind. */
export function isAllowed(kind: ThresholdKind, value: number): boolean {
  switch (kind) {
    case "count":
      return Number.isSafeInteger(value) && value >= 1 && value <= 1_000;
    case "share":
      return value > 0 && value < 1;
    case "rate":
      return Number.isFinite(value) && value >= 0;
    case "factor":
      return Number.isFinite(value) && value >= 1;
  }
}
