import { counted, duration, grouped, utc } from "../../report/wording.ts";
import { totalCost } from "./front.ts";
import type { Span } from "./next-outage.ts";
import { KEYS, type Setting, USUAL } from "./setting.ts";
import type { Figure, SettingResult, Tuning } from "./tuning.ts";

/** A column of the table of settings. */
interface Column {
  readonly head: string;
  cell(result: SettingResult): string;
}

const whole = (value: number): string => grouped(Math.round(value));

/** A figure with what it lies between, when that is more than itself. */
function figureText({ value, low, high }: Figure, show: (value: number) => string): string {
  const [shown, least, most] = [show(value), show(low), show(high)];
  return least === most ? shown : `${shown} (${least} to ${most})`;
}

const timeText = (figure: Figure | null): string =>
  figure === null ? "-" : figureText(figure, duration);

/** What the tables tell of each setting. */
export const COLUMNS: readonly Column[] = [
  { head: "incidents", cell: ({ incidents }) => figureText(incidents, whole) },
  { head: "detected in", cell: ({ detectMs }) => timeText(detectMs) },
  {
    head: "failed before trip",
    cell: ({ failedBeforeTrip }) => figureText(failedBeforeTrip, whole),
  },
  { head: "bad let through", cell: ({ badPassed }) => figureText(badPassed, whole) },
  { head: "good refused", cell: ({ goodRefused }) => figureText(goodRefused, whole) },
  { head: "recovered in", cell: recoveryText },
];

function recoveryText({ recoveryMs, stillOpen }: SettingResult): string {
  const open = stillOpen.value === 0 ? "" : `${whole(stillOpen.value)} still open`;
  if (recoveryMs === null) return open === "" ? "-" : open;
  return open === "" ? timeText(recoveryMs) : `${timeText(recoveryMs)}, ${open}`;
}

/** More rows of the front are no table that somebody reads. */
const MOST_ROWS = 20;

/** A row of the table of settings. */
export interface Row {
  /** What it is besides one of the front: `today`, `best`, `best, today`, or nothing. */
  readonly label: string;
  readonly result: SettingResult;
}

/** Today's setting, then the front; `left` rows of it are not there. */
export function rowsOf({ today, best, front }: Tuning): {
  readonly rows: readonly Row[];
  readonly left: number;
} {
  const step = Math.max(1, (front.length - 1) / (MOST_ROWS - 1));
  const chosen = new Set([best, ...front.slice(-1)]);
  for (let at = 0; at < front.length && chosen.size < MOST_ROWS; at += step) {
    const result = front[Math.round(at)];
    if (result !== undefined) chosen.add(result);
  }
  const shown = front.filter((result) => chosen.has(result));
  // What is best in the long run may have been unlucky in the recording.
  if (!shown.includes(best)) shown.push(best);
  const label = (result: SettingResult): string =>
    [result === best ? "best" : "", result === today ? "today" : ""]
      .filter((word) => word !== "")
      .join(", ");
  const rows = shown.includes(today) ? shown : [today, ...shown];
  return {
    rows: rows.map((result) => ({ label: label(result), result })),
    left: front.filter((result) => !shown.includes(result)).length,
  };
}

/** What was read and tried. */
export function headText(tuning: Tuning): string {
  const { breaker, calls, processes, fromAtMs, toAtMs, settings, weight } = tuning;
  const of = processes === 1 ? "" : ` of ${processes} processes`;
  const weighed = weight === 1 ? "as bad as" : `${weight} times`;
  const cost =
    weight === 1
      ? `a good call refused is ${weighed} a bad one let through`
      : `a good call refused is ${weighed} as bad as a bad one let through`;
  return `${breaker}: ${counted(calls, "call")}${of}, ${utc(fromAtMs)} to ${utc(toAtMs)}. ${counted(settings.length, "setting")} tried; ${cost}.`;
}

/** What the best setting changes, and how sure that is. */
export function gainText(tuning: Tuning): string {
  const { gain, today, best } = tuning;
  if (best === today)
    return "No setting that was tried is to be expected to cost less than today's.";
  const change = (count: number, what: string): string =>
    count === 0
      ? `as many ${what}`
      : `${whole(Math.abs(count))} ${count > 0 ? "fewer" : "more"} ${what}`;
  const text = `With ${best.text} there would have been ${change(gain.badPassed, "bad calls let through")} and ${change(gain.goodRefused, "good calls refused")} than with today's ${today.text}.`;
  return [text, HOLDS[gain.holds], gain.mayReverse ? MAY_REVERSE : STANDS, luckText(tuning)]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

/** Why the best is not the one that is cheapest in the table. */
function luckText({ front, best, weight }: Tuning): string {
  const cost = ({ badPassed, goodRefused }: SettingResult): number =>
    totalCost({ badPassed: badPassed.value, goodRefused: goodRefused.value }, weight);
  const cheapest = front.reduce((least, each) => (cost(each) < cost(least) ? each : least), best);
  if (cost(cheapest) >= cost(best)) return "";
  return `In this recording ${cheapest.text} costs less still, by luck: on the mean of replays with cooldowns a little shorter and longer it costs no less.`;
}

const HOLDS: Readonly<Record<Tuning["gain"]["holds"], string>> = {
  yes: "That costs less, whatever would have become of the calls without an outcome.",
  open: "That costs less if the calls without an outcome were as is likeliest; by another assumption today's costs no more.",
  none: "In the recorded outage that cost no less, which was luck: on the mean of outages like it, it does.",
};
const MAY_REVERSE =
  "In the next outage like this one chance may still make today's the better one.";
const STANDS = "In the next outage like this one it is to be expected as well.";

const spanText = ({ low, high }: Span, show: (value: number) => string): string =>
  `${show(low)} to ${show(high)}`;

/** What the next outage of this kind is to be expected to come to. */
export function nextText({ nextOutage }: SettingResult): string {
  if (nextOutage === null) return "not foretold";
  const { recoveryMs, badPassed, goodRefused } = nextOutage;
  const recovered = recoveryMs === null ? "" : `recovered in ${spanText(recoveryMs, duration)}, `;
  return `${recovered}bad let through ${spanText(badPassed, whole)}, good refused ${spanText(goodRefused, whole)}`;
}

/** Recorded beside replayed; null when nothing was. */
export function checkText({ check, today }: Tuning): string | null {
  if (check === null) return null;
  const time = (ms: number | null): string => (ms === null ? "none" : duration(ms));
  const [recorded, replayed] = [0, 1].map(
    (at) =>
      `${counted(check.incidents[at] ?? 0, "incident")}, ${counted(check.refused[at] ?? 0, "refusal")}, a recovery of ${time(check.recoveryMs[at] ?? null)}`,
  );
  const far = isFar(check.incidents, 0) || isFar(check.refused, FAR);
  return `The recording has ${recorded}; its replay with ${today.text} has ${replayed}.${far ? DIFFERS : ""}`;
}

/** A replay that is off by a larger share than this is not of what was recorded. */
const FAR = 0.1;
const DIFFERS =
  " They differ: the breaker had another setting, which --current can name, changed it meanwhile, or not all of its events were recorded.";

const isFar = ([recorded, replayed]: readonly [number, number], share: number): boolean =>
  Math.abs(recorded - replayed) > share * recorded;

/** A setting as the options of a breaker. */
export function optionsText(setting: Setting): string {
  const rules = [
    setting.failureRate === null ? "" : `failureRate(${literal(setting.failureRate)})`,
    setting.slowRate === null ? "" : `slowRate(${literal(setting.slowRate)})`,
  ].filter((rule) => rule !== "");
  const { failureThreshold, cooldownMs, maxProbes, successThreshold, probeRate, leaseMs } = setting;
  if (rules.length > 0 && failureThreshold !== null)
    rules.unshift(`consecutive(${failureThreshold})`);
  const halfOpen = [
    maxProbes === USUAL.maxProbes ? "" : `maxProbes: ${maxProbes}`,
    successThreshold === USUAL.successThreshold ? "" : `successThreshold: ${successThreshold}`,
    probeRate === null ? "" : `failureRate: ${literal(probeRate)}`,
    leaseMs === USUAL.leaseMs ? "" : `leaseMs: ${leaseMs}`,
  ].filter((part) => part !== "");
  const parts = [
    rules.length === 0 ? `failureThreshold: ${failureThreshold}` : `trip: [${rules.join(", ")}]`,
    setting.latencyTripMs === null ? "" : `latencyTripMs: ${setting.latencyTripMs}`,
    setting.inFlight ? "inFlight: true" : "",
    `cooldownMs: ${typeof cooldownMs === "number" ? cooldownMs : `exponentialCooldown(${literal(cooldownMs)})`}`,
    setting.degradation === null ? "" : `degradation: ${literal(setting.degradation)}`,
    setting.rampUp === null ? "" : `rampUp: ${literal(setting.rampUp)}`,
    halfOpen.length === 0 ? "" : `halfOpen: { ${halfOpen.join(", ")} }`,
  ];
  return `{ ${parts.filter((part) => part !== "").join(", ")} }`;
}

/** Plain data as it is written in code. */
const literal = (value: unknown): string =>
  JSON.stringify(value)
    .replace(/"(\w+)":/g, "$1: ")
    .replace(/,/g, ", ")
    .replace(/\{/g, "{ ")
    .replace(/\}/g, " }");

/** How the rows name their settings: by the keys in which they differ, without those that are off. */
export function namesOf(rows: readonly Row[]): (result: SettingResult) => string {
  const varying = KEYS.filter(
    ({ show }) => new Set(rows.map(({ result }) => show(result.setting))).size > 1,
  );
  return ({ setting, text }) => {
    const named = varying
      .map(({ name, show }) => ({ name, value: show(setting) }))
      .filter(({ value }) => value !== "off");
    return named.length === 0 ? text : named.map(({ name, value }) => `${name}=${value}`).join(" ");
  };
}
