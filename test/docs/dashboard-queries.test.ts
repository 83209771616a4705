import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import {
  distanceToTrip,
  incidentAge,
  increase,
  ofChosen,
  ofOne,
  quantile,
  rate,
  shareOfTimeOpen,
  skipRatio,
  stillOpen,
  worstState,
} from "../../scripts/docs/dashboards/queries.ts";
import { STATES } from "../../src/events/vocabulary.ts";
import { substituted, VALUES } from "../support/dashboards.ts";
import { describeWith, program } from "../support/programs.ts";

const BREAKER = "job, circuit_breaker_name";
const labels = (instance: string, name = "payments") =>
  `job="shop",instance="${instance}",circuit_breaker_name="${name}"`;

/** A series of the metric in one process; the values are in promtool's own notation. */
const series = (metric: string, instance: string, values: string, further = "", name?: string) => ({
  series: `circuit_breaker_${metric}{${labels(instance, name)}${further}}`,
  values,
});

/** The state of a process that stays as it is: one-hot. */
const states = (instance: string, present: string) =>
  STATES.map((state) =>
    series("state", instance, `${state === present ? 1 : 0}x60`, `,state="${state}"`),
  );

interface Case {
  readonly input: readonly { readonly series: string; readonly values: string }[];
  readonly expr: string;
  readonly gives: readonly { readonly labels: string; readonly value: number }[];
}

/** Lets promtool evaluate the query after ten minutes of the input, scraped every ten seconds. */
async function evaluate({ input, expr, gives }: Case): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "telltale-queries-"));
  try {
    const file = join(folder, "test.yaml");
    const filled = substituted(expr, { ...VALUES, __range: "5m" });
    await writeFile(
      file,
      stringify({
        evaluation_interval: "10s",
        tests: [
          {
            interval: "10s",
            input_series: input,
            promql_expr_test: [{ expr: filled, eval_time: "10m", exp_samples: gives }],
          },
        ],
      }),
    );
    const run = promisify(execFile)(program("promtool"), ["test", "rules", file]);
    return await run.then(
      () => "as expected",
      (error: { readonly stdout: string; readonly stderr: string }) => error.stdout + error.stderr,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const shop = '{job="shop", circuit_breaker_name="payments"}';

describeWith("promtool")("the queries of the dashboards, evaluated", () => {
  test.each<[rule: string, sample: Case]>([
    [
      "the state of a breaker is that of its worst instance",
      {
        input: [...states("a", "closed"), ...states("b", "half_open"), ...states("c", "disabled")],
        expr: worstState(ofChosen, BREAKER),
        gives: [{ labels: shop, value: 2 }],
      },
    ],
    [
      "the state of the breakers that share a name is that of the worst, however many are in it",
      {
        input: [
          series("state", "a", "5x60", ',state="closed"', "payments"),
          series("state", "a", "3x60", ',state="open"', "payments"),
        ],
        expr: worstState(ofChosen, BREAKER),
        gives: [{ labels: shop, value: 3 }],
      },
    ],
    [
      "a name with the signs of a regular expression is found by the query of one breaker",
      {
        input: [series("opened_timestamp_seconds", "a", "9x60", "", "GET /pay (v2)")],
        expr: stillOpen(ofOne).replaceAll("$breaker", "GET /pay (v2)"),
        gives: [{ labels: "{}", value: 1 }],
      },
    ],
    [
      "the skip ratio is the refused share of all calls",
      {
        input: [
          series("skips_total", "a", "0+30x60", ',reason="open"'),
          series("calls_total", "a", "0+60x60", ',outcome="success"'),
          series("calls_total", "b", "0+30x60", ',outcome="error"'),
          series("skips_total", "b", "0x60", ',reason="open"'),
        ],
        expr: skipRatio(rate, ofChosen, BREAKER),
        gives: [{ labels: shop, value: 0.25 }],
      },
    ],
    [
      "the skip ratio of a breaker without calls is 0, not missing",
      {
        input: [
          series("skips_total", "a", "7x60", ',reason="open"'),
          series("calls_total", "a", "9x60", ',outcome="success"'),
        ],
        expr: skipRatio(rate, ofChosen, BREAKER),
        gives: [{ labels: shop, value: 0 }],
      },
    ],
    [
      "the distance to the trip leaves disabled breakers out, which read 1",
      {
        input: [
          ...states("a", "closed"),
          ...states("b", "disabled"),
          series("trip_progress_ratio", "a", "0.6x60"),
          series("trip_progress_ratio", "b", "1x60"),
        ],
        expr: distanceToTrip(ofChosen, BREAKER),
        gives: [{ labels: shop, value: 0.6 }],
      },
    ],
    [
      "an incident is as old as the time since it began, and 0 when there is none",
      {
        input: [
          series("opened_timestamp_seconds", "a", "120x60"),
          series("opened_timestamp_seconds", "b", "0x60"),
        ],
        expr: incidentAge(ofChosen),
        gives: [
          { labels: `{${labels("a")}}`, value: 480 },
          { labels: `{${labels("b")}}`, value: 0 },
        ],
      },
    ],
    [
      "the share of time open is the mean of the instances",
      {
        input: [
          series("open_seconds_total", "a", "0+5x60"),
          series("open_seconds_total", "b", "3x60"),
        ],
        expr: shareOfTimeOpen(ofChosen, BREAKER),
        gives: [{ labels: shop, value: 0.25 }],
      },
    ],
    [
      "the share of time open of breakers that share a name is at most 1",
      {
        input: [series("open_seconds_total", "a", "0+30x60")],
        expr: shareOfTimeOpen(ofChosen, BREAKER),
        gives: [{ labels: shop, value: 1 }],
      },
    ],
    [
      "quantiles are over the recoveries of the range",
      {
        input: [
          series("recovery_duration_seconds_bucket", "a", "0x50 4x10", ',le="5"'),
          series("recovery_duration_seconds_bucket", "a", "0x50 4x10", ',le="10"'),
          series("recovery_duration_seconds_bucket", "a", "0x50 4x10", ',le="+Inf"'),
        ],
        expr: quantile(
          0.5,
          increase(ofChosen("circuit_breaker_recovery_duration_seconds_bucket"), "$__range"),
        ),
        gives: [{ labels: "{}", value: 2.5 }],
      },
    ],
    [
      "quantiles without a series are a gap, not an error",
      {
        input: [],
        // NaN is not equal to itself, which promtool would call a difference.
        expr: `count(${quantile(0.5, rate(ofChosen("circuit_breaker_call_duration_seconds_bucket")))})`,
        gives: [{ labels: "{}", value: 1 }],
      },
    ],
  ])("%s", async (_rule, sample) => {
    expect(await evaluate(sample)).toBe("as expected");
  });
});
