/** A text that is no value of its key; the message says what is allowed. */
export class NoValue extends Error {
  override readonly name = "NoValue";
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
};

/** A length of time such as `800`, `800ms`, `1.5s`, `2min`, `1h`, in milliseconds. */
export function readDuration(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/.exec(text) ?? [];
  const unitMs = UNITS[unit];
  const ms = Number(digits) * (unitMs ?? Number.NaN);
  if (digits === "" || !(ms > 0)) throw new NoValue("a time above 0 such as 800ms, 1.5s or 2min");
  return ms;
}

export const showDuration = (ms: number): string =>
  ms >= 60_000 && ms % 60_000 === 0
    ? `${ms / 60_000}min`
    : ms >= 1_000 && ms % 100 === 0
      ? `${ms / 1_000}s`
      : `${ms}ms`;

export function readCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new NoValue("a whole number from 1");
  return Number(text);
}

function readShare(text: string): number {
  const share = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(share > 0 && share <= 1)) throw new NoValue("a share above 0, at most 1");
  return share;
}

export function readSwitch(text: string): boolean {
  if (text === "on" || text === "true") return true;
  if (text === "off" || text === "false") return false;
  throw new NoValue("on or off");
}

/** A rate over the last calls or the last time, such as `0.5@100calls` or `0.5@30s/20`. */
export interface RateValue {
  readonly threshold: number;
  readonly window: { readonly calls: number } | { readonly durationMs: number };
  readonly minimumCalls?: number;
}

/** A rate of slow calls, such as `0.5:800ms@30s/20`. */
export interface SlowRateValue extends RateValue {
  readonly latencyMs: number;
}

export function readRate(text: string): RateValue {
  const [, share = "", window = "", minimum] = /^([^@]+)@([^/]+)(?:\/(.+))?$/.exec(text) ?? [];
  if (share === "") throw new NoValue("a rate such as 0.5@100calls or 0.5@30s/20, or off");
  const [, calls] = /^(\d+)calls$/.exec(window) ?? [];
  return {
    threshold: readShare(share),
    window:
      calls === undefined ? { durationMs: readDuration(window) } : { calls: readCount(calls) },
    ...(minimum === undefined ? {} : { minimumCalls: readCount(minimum) }),
  };
}

export function showRate({ threshold, window, minimumCalls }: RateValue): string {
  const over = "calls" in window ? `${window.calls}calls` : showDuration(window.durationMs);
  return `${threshold}@${over}${minimumCalls === undefined ? "" : `/${minimumCalls}`}`;
}

export function readSlowRate(text: string): SlowRateValue {
  const [, share = "", limit = "", rest = ""] = /^([^:@]+):([^@]+)@(.+)$/.exec(text) ?? [];
  if (share === "") throw new NoValue("a rate with its limit such as 0.5:800ms@30s/20, or off");
  return { ...readRate(`${share}@${rest}`), latencyMs: readDuration(limit) };
}

export const showSlowRate = ({ latencyMs, ...rate }: SlowRateValue): string => {
  const [share, window] = showRate(rate).split("@");
  return `${share}:${showDuration(latencyMs)}@${window}`;
};

/** A cooldown, or the first and the longest of one that doubles. */
export type CooldownValue = number | { readonly initialMs: number; readonly maxMs: number };

export function readCooldown(text: string): CooldownValue {
  const [, initial, most] = /^(.+)\.\.(.+)$/.exec(text) ?? [];
  if (initial === undefined || most === undefined) return readDuration(text);
  return { initialMs: readDuration(initial), maxMs: readDuration(most) };
}

export const showCooldown = (value: CooldownValue): string =>
  typeof value === "number"
    ? showDuration(value)
    : `${showDuration(value.initialMs)}..${showDuration(value.maxMs)}`;

export const readShares = (text: string): readonly number[] =>
  text.split("/").map((share) => (share === "0" ? 0 : readShare(share)));

/** How the traffic comes back, such as `30s` or `30s/0.1`. */
export interface RampValue {
  readonly durationMs: number;
  readonly from?: number;
}

export function readRamp(text: string): RampValue {
  const [duration = "", from] = text.split("/");
  return {
    durationMs: readDuration(duration),
    ...(from === undefined ? {} : { from: readShare(from) }),
  };
}

export const showRamp = ({ durationMs, from }: RampValue): string =>
  `${showDuration(durationMs)}${from === undefined ? "" : `/${from}`}`;

/** What the probes decide by, such as `0.5/10`. */
export interface ProbeRateValue {
  readonly threshold: number;
  readonly minimumCalls?: number;
}

export function readProbeRate(text: string): ProbeRateValue {
  const [share = "", minimum] = text.split("/");
  return {
    threshold: readShare(share),
    ...(minimum === undefined ? {} : { minimumCalls: readCount(minimum) }),
  };
}

export const showProbeRate = ({ threshold, minimumCalls }: ProbeRateValue): string =>
  `${threshold}${minimumCalls === undefined ? "" : `/${minimumCalls}`}`;
