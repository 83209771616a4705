import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus } from "../../src/exporters/prometheus.ts";
import { CircuitBreaker, type CircuitBreakerOptions } from "../../src/index.ts";
import { failTimes } from "../support/breaker.ts";
import { type Page, parse, startSdk } from "../support/scrape.ts";

type Attributes = NonNullable<CircuitBreakerOptions["attributes"]>;

const breakerOf = (name: string, attributes?: Attributes) =>
  new CircuitBreaker(name, attributes === undefined ? {} : { attributes });

/** The same breakers in both pipelines, with the pages of both. */
function inBoth(breakers: readonly CircuitBreaker[], options: object) {
  const registry = new Registry();
  const sdk = startSdk();
  const { meterProvider } = sdk;
  const detaches = [
    exportToPrometheus(breakers, registry, options),
    exportToOpenTelemetry(breakers, { meterProvider, ...options }),
  ];
  const pages = async (): Promise<Page[]> => [
    parse(await registry.metrics()),
    parse(await sdk.text()),
  ];
  return { registry, meterProvider, pages, detaches };
}

const seriesOf = ({ series }: Page, metric: string) =>
  [...series.keys()].filter((key) => key.startsWith(`circuit_breaker_${metric}`));

test("attributes: those that are named become labels of every series of the breaker, in both pipelines", async () => {
  const payments = breakerOf("payments", { team: "checkout", tier: 1, secret: "x" });
  const { pages } = inBoth([payments, breakerOf("search")], { attributes: ["team", "tier"] });
  await failTimes(payments, 1);
  for (const page of await pages()) {
    expect(seriesOf(page, "traffic_share_ratio")).toEqual([
      'circuit_breaker_traffic_share_ratio{circuit_breaker_name="payments",team="checkout",tier="1"}',
      'circuit_breaker_traffic_share_ratio{circuit_breaker_name="search",team="",tier=""}',
    ]);
    const own = [...page.series.keys()].filter((key) => key.includes('"payments"'));
    expect(own.length).toBeGreaterThan(40);
    for (const key of own) expect(key).toContain('team="checkout",tier="1"');
    expect([...page.series.keys()].join("\n")).not.toContain("secret");
    expect(page.series.get("circuit_breaker_series_overflow_total")).toBe(0);
  }
});

test("attributes: none of them is a label by default", async () => {
  const { pages } = inBoth([breakerOf("payments", { team: "checkout" })], {});
  for (const page of await pages()) {
    expect(seriesOf(page, "failure_threshold")).toEqual([
      'circuit_breaker_failure_threshold{circuit_breaker_name="payments"}',
    ]);
  }
});

test("attributes: histograms have them, zero series included", async () => {
  const registry = new Registry();
  exportToPrometheus(breakerOf("payments", { team: "checkout" }), registry, {
    attributes: ["team"],
    callDurations: true,
  });
  const page = parse(await registry.metrics());
  const durations = seriesOf(page, "call_duration_seconds_count");
  expect(durations).toHaveLength(3);
  for (const key of durations) expect(key).toContain('team="checkout"');
});

test("attributes: a value may be true, null or a number", async () => {
  const breaker = breakerOf("payments", { paid: true, region: null, tier: 0 });
  const { pages } = inBoth([breaker], { attributes: ["paid", "region", "tier"] });
  for (const page of await pages()) {
    expect(seriesOf(page, "failure_threshold")).toEqual([
      'circuit_breaker_failure_threshold{circuit_breaker_name="payments",paid="true",region="",tier="0"}',
    ]);
  }
});

test("attributes: breakers beyond the budget share __other__ in every label", async () => {
  const breakers = ["a", "b", "c"].map((name) => breakerOf(name, { team: `of ${name}` }));
  const { pages } = inBoth(breakers, { attributes: ["team"], nameBudget: 1 });
  for (const page of await pages()) {
    expect(seriesOf(page, "failure_threshold")).toEqual([
      'circuit_breaker_failure_threshold{circuit_breaker_name="a",team="of a"}',
      'circuit_breaker_failure_threshold{circuit_breaker_name="__other__",team="__other__"}',
    ]);
    expect(page.series.get("circuit_breaker_series_overflow_total")).toBe(2);
  }
});

test("attributes: the gauges of a detached breaker fall to 0 under the same labels", async () => {
  const { pages, detaches } = inBoth([breakerOf("payments", { team: "checkout" })], {
    attributes: ["team"],
  });
  await pages();
  for (const detach of detaches) detach();
  const [, page] = await pages();
  const series =
    'circuit_breaker_traffic_share_ratio{circuit_breaker_name="payments",team="checkout"}';
  expect(page?.series.get(series)).toBe(0);
});

test("attributes: one list for all breakers of a registry or meter, until the last is detached", async () => {
  const { registry, meterProvider, detaches } = inBoth([breakerOf("payments")], {
    attributes: ["team"],
  });
  const other = breakerOf("search", { tier: 2 });
  const attempts = [
    () => exportToPrometheus(other, registry, { attributes: ["tier"] }),
    () => exportToOpenTelemetry(other, { meterProvider, attributes: ["tier"] }),
  ];
  for (const attempt of attempts) {
    expect(attempt).toThrow(
      /attributes must be "team" as for the breakers attached before, received "tier"$/,
    );
    expect(other.bus.has("circuit.open")).toBe(false);
  }
  exportToPrometheus(other, registry)();
  exportToPrometheus(other, registry, { attributes: ["team"] })();
  for (const detach of detaches) detach();
  exportToPrometheus(other, registry, { attributes: ["tier"] });
  expect(seriesOf(parse(await registry.metrics()), "failure_threshold")).toEqual([
    'circuit_breaker_failure_threshold{circuit_breaker_name="search",tier="2"}',
  ]);
});

const refused: readonly [why: string, attributes: unknown, message: string][] = [
  ["a text", "team", 'attributes must be a list of the names of attributes, received "team"'],
  ["a number in it", [5], "attributes[0] must be a string, received 5"],
  [
    "a name that no label can have",
    ["team", "customer id"],
    'attributes[1] must be a name for a label: letters, digits and _, no digit first, no __ or otel_scope_, received "customer id"',
  ],
  [
    "a name of Prometheus' own",
    ["__name__"],
    'attributes[0] must be a name for a label: letters, digits and _, no digit first, no __ or otel_scope_, received "__name__"',
  ],
  [
    "a label that the catalogue has",
    ["outcome"],
    'attributes[0] must be a label that no metric has already, received "outcome"',
  ],
  [
    "the name of the breaker",
    ["circuit_breaker_name"],
    'attributes[0] must be a label that no metric has already, received "circuit_breaker_name"',
  ],
  [
    "the label of buckets",
    ["le"],
    'attributes[0] must be a label that no metric has already, received "le"',
  ],
  ["a name twice", ["team", "team"], 'attributes must be names that differ, received "team"'],
  ["nine names", Array.from("abcdefghi"), "attributes must be at most 8 names, received 9"],
];

test.each(refused)("attributes: refuses %s", (_why, attributes, message) => {
  const breaker = breakerOf("payments");
  // Wrong types on purpose: what a JavaScript caller may pass.
  const options = { attributes } as never;
  expect(() => exportToPrometheus(breaker, new Registry(), options)).toThrow(
    `Cannot export to Prometheus: ${message}`,
  );
  expect(() => exportToOpenTelemetry(breaker, options)).toThrow(
    `Cannot export to OpenTelemetry: ${message}`,
  );
  expect(breaker.bus.has("circuit.open")).toBe(false);
});
