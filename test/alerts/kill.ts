import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promtool, promtoolTest } from "./promtool.ts";
import type { Rule } from "./rules-document.ts";
import { type Scenario, testFile } from "./scenario.ts";
import { STEP_SECONDS } from "./timeline.ts";

/** Rules that are judged by scenarios: those of these alerts and recordings, whatever others do. */
export interface Judged {
  readonly rules: readonly Rule[];
  readonly alerts: ReadonlySet<string>;
  readonly records: ReadonlySet<string>;
}

/** Files for one process of promtool: more would only make its output long. */
const FILES_AT_ONCE = 40;

/** The scenarios of a round, by number, for what has passed the rounds before. */
const ROUNDS = [0, 1, 3, 8, 20];

/** Which of the candidates fail the scenarios. */
export async function failing<C extends Judged>(
  candidates: readonly C[],
  scenarios: readonly Scenario[],
  progress: (judged: number) => void = () => {},
): Promise<ReadonlySet<C>> {
  const failed = new Set<C>();
  const folder = await mkdtemp(join(tmpdir(), "telltale-rules-"));
  try {
    for (let at = 0; at < candidates.length; at += FILES_AT_ONCE) {
      const some = candidates.slice(at, at + FILES_AT_ONCE);
      const sorted = new Map(some.map((judged) => [judged, nearestFirst(scenarios, judged)]));
      for (const [n, from] of ROUNDS.entries()) {
        const left = some.filter((judged) => !failed.has(judged));
        const round = (judged: C) => sorted.get(judged)?.slice(from, ROUNDS[n + 1]) ?? [];
        for (const judged of await failingOf(left, round, folder)) failed.add(judged);
      }
      progress(Math.min(at + FILES_AT_ONCE, candidates.length));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return failed;
}

/** Most candidates fail one of a few scenarios that are about one of their alerts; short ones take less time. */
function nearestFirst(scenarios: readonly Scenario[], judged: Judged): readonly Scenario[] {
  const near = (each: Scenario): number => stageOf(each, judged) * 10_000 + each.length;
  return scenarios.toSorted((a, b) => near(a) - near(b));
}

/** 0 for a scenario about one of the alerts, 1 for one of the recordings, 2 when an alert fires in it, 3 for others. */
function stageOf(scenario: Scenario, { alerts, records }: Judged): number {
  const [about = ""] = /^\w+/.exec(scenario.name) ?? [];
  if (alerts.has(about)) return 0;
  const fires = Object.values(scenario.firing).flat();
  const recorded = Object.values(scenario.recorded ?? {}).flat();
  if (recorded.some(({ record }) => records.has(record))) return 1;
  return fires.some((one) => alerts.has(alertOf(one))) ? 2 : 3;
}

/** Which of the candidates promtool cannot read at all. */
export async function unreadable<C extends Judged>(
  candidates: readonly C[],
): Promise<readonly C[]> {
  const folder = await mkdtemp(join(tmpdir(), "telltale-rules-"));
  try {
    const files = await Promise.all(
      candidates.map(async ({ rules }, n) => {
        const file = join(folder, `${n}.rules.yaml`);
        await writeFile(file, fileOf(rules));
        return file;
      }),
    );
    const { output } = await promtool(["check", "rules", ...files]);
    const parts = output.split(/^Checking /m).slice(1);
    return candidates.filter((_, n) => !parts[n]?.includes("SUCCESS"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** JSON is YAML. */
const fileOf = (rules: readonly Rule[]): string =>
  JSON.stringify({ groups: [{ name: "all", rules }] });

const alertOf = (firing: Scenario["firing"][string][number]): string =>
  typeof firing === "string" ? firing : firing[0];

async function failingOf<C extends Judged>(
  candidates: readonly C[],
  scenariosOf: (judged: C) => readonly Scenario[],
  folder: string,
): Promise<ReadonlySet<C>> {
  const candidateOf = new Map<string, C>();
  for (const [n, judged] of candidates.entries()) {
    const rulesPath = join(folder, `${n}.rules.yaml`);
    await writeFile(rulesPath, fileOf(judged.rules));
    const chosen = scenariosOf(judged);
    const stepOf = ({ stepSeconds = STEP_SECONDS }: Scenario): number => stepSeconds;
    for (const step of new Set(chosen.map(stepOf))) {
      const scenarios = chosen.filter((each) => stepOf(each) === step);
      const path = join(folder, `${n}-${step}.test.yaml`);
      const told = scenarios.map((each) => only(each, judged));
      await writeFile(
        path,
        testFile(told, rulesPath, (series) => isAsked(series, judged)),
      );
      candidateOf.set(path, judged);
    }
  }
  if (candidateOf.size === 0) return new Set();
  const verdicts = await promtoolTest([...candidateOf.keys()]);
  return new Set(
    [...candidateOf].flatMap(([path, judged]) =>
      verdicts.get(path)?.passed === true ? [] : [judged],
    ),
  );
}

/** Whether the metric of a series is named in one of the rules. */
function isAsked(series: string, { rules }: Judged): boolean {
  const metric = series.slice(0, series.indexOf("{"));
  return rules.some(({ expr }) => new RegExp(`(?<![\\w:])${metric}(?![\\w:])`).test(expr));
}

/** What a scenario says of these rules. */
function only(scenario: Scenario, { alerts, records }: Judged): Scenario {
  return {
    ...scenario,
    firing: chosenBy(scenario.firing, (each) => alerts.has(alertOf(each))),
    told: chosenBy(scenario.told, ({ alert }) => alerts.has(alert)),
    recorded: chosenBy(scenario.recorded, ({ record }) => records.has(record)),
  };
}

/** By moment, what is chosen of the lists. */
function chosenBy<T>(
  lists: Readonly<Record<string, readonly T[]>> = {},
  isChosen: (one: T) => boolean,
): Readonly<Record<string, readonly T[]>> {
  return Object.fromEntries(
    Object.entries(lists).map(([moment, list]) => [moment, list.filter(isChosen)]),
  );
}
