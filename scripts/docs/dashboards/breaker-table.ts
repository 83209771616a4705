import {
  TableCellDisplayMode,
  TableCellHeight,
  TableSortByFieldStateBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import { type DynamicConfigValue, ThresholdsMode } from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table";
import { dress, type Limits, STATE_LIMITS, STATE_MAPPINGS, targets } from "./panels.ts";
import {
  distanceToTrip,
  incidentAge,
  increase,
  inserted,
  maxBy,
  NAME,
  ofChosen,
  skipRatio,
  sumBy,
  worstState,
} from "./queries.ts";

interface Column {
  readonly title: string;
  readonly expr: string;
  readonly unit: string;
  readonly decimals: number;
  readonly limits: Limits;
  readonly mapped?: boolean;
}

const BY = `job, ${NAME}`;
const inRange = (selector: string) => increase(selector, "$__range");
const trips = (reason: string) =>
  sumBy(BY, inRange(ofChosen("circuit_breaker_trips_total", `reason="${reason}"`)));

const COLUMNS: readonly Column[] = [
  {
    title: "State",
    expr: worstState(ofChosen, BY),
    unit: "none",
    decimals: 0,
    limits: STATE_LIMITS,
    mapped: true,
  },
  {
    title: "Instances not closed",
    expr: sumBy(BY, ofChosen("circuit_breaker_state", 'state=~"open|half_open|forced_open"')),
    unit: "short",
    decimals: 0,
    limits: ["green", [1, "red"]],
  },
  {
    title: "Instances",
    expr: sumBy(BY, ofChosen("circuit_breaker_state")),
    unit: "short",
    decimals: 0,
    limits: ["text"],
  },
  {
    title: "Incident age",
    expr: maxBy(BY, incidentAge(ofChosen)),
    unit: "s",
    decimals: 0,
    limits: ["green", [1, "yellow"], [600, "red"]],
  },
  {
    title: "Distance to the trip",
    expr: distanceToTrip(ofChosen, BY),
    unit: "percentunit",
    decimals: 0,
    limits: ["green", [0.5, "yellow"], [0.8, "orange"], [1, "red"]],
  },
  {
    title: "Refused",
    expr: sumBy(BY, inRange(ofChosen("circuit_breaker_skips_total"))),
    unit: "short",
    decimals: 0,
    limits: ["green", [1, "orange"]],
  },
  {
    title: "Skip ratio",
    expr: skipRatio(inRange, ofChosen, BY),
    unit: "percentunit",
    decimals: 1,
    limits: ["green", [0.01, "yellow"], [0.1, "red"]],
  },
  {
    title: "Trips by errors",
    expr: trips("error"),
    unit: "short",
    decimals: 0,
    limits: ["green", [0.5, "yellow"], [4.5, "red"]],
  },
  {
    title: "Trips by latency",
    expr: trips("latency"),
    unit: "short",
    decimals: 0,
    limits: ["green", [0.5, "yellow"], [4.5, "red"]],
  },
  {
    title: "Time open",
    expr: `avg by (${BY}) (${inRange(ofChosen("circuit_breaker_open_seconds_total"))})`,
    unit: "s",
    decimals: 0,
    limits: ["green", [1, "yellow"], [600, "red"]],
  },
];

/** One line for each breaker, the worst first; its name leads to the other dashboard. */
export function breakerTable(depthUid: string): TableBuilder {
  const builder = dress(new TableBuilder(), {
    title: "Breakers",
    description:
      "One line for each breaker, the worst first; its name leads to the breaker in depth. State is the worst of its instances. Refused, skip ratio, trips and time open are over the range of the dashboard, time open as the mean of the instances. Fractions of a trip come from Prometheus' extrapolation of counters.",
    unit: "short",
    limits: ["text"],
    queries: [],
    width: 24,
    height: 10,
    runbooks: ["CircuitBreakerOpen", "CircuitBreakerOpenTooLong"],
  })
    .targets(
      targets(
        COLUMNS.map(({ expr, title }) => ({ expr, legend: title })),
        true,
      ),
    )
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({
      id: "organize",
      options: {
        excludeByName: { Time: true },
        indexByName: {},
        renameByName: {
          job: "Job",
          [NAME]: "Breaker",
          ...Object.fromEntries(
            COLUMNS.map(({ title }, at) => [`Value #${String.fromCharCode(65 + at)}`, title]),
          ),
        },
      },
    })
    .cellHeight(TableCellHeight.Sm)
    .filterable(true)
    .sortBy([new TableSortByFieldStateBuilder().displayName("State").desc(true)])
    .overrideByName("Breaker", [depthLink(depthUid)]);
  for (const column of COLUMNS) builder.overrideByName(column.title, properties(column));
  return builder;
}

function properties({ unit, decimals, limits, mapped }: Column): DynamicConfigValue[] {
  const [first, ...steps] = limits;
  const coloured = steps.length > 0;
  return [
    { id: "unit", value: unit },
    { id: "decimals", value: decimals },
    {
      id: "thresholds",
      value: {
        mode: ThresholdsMode.Absolute,
        steps: [
          { value: null, color: first },
          ...steps.map(([value, color]) => ({ value, color })),
        ],
      },
    },
    ...(coloured
      ? [{ id: "custom.cellOptions", value: { type: TableCellDisplayMode.ColorBackground } }]
      : []),
    ...(mapped === true ? [{ id: "mappings", value: STATE_MAPPINGS }] : []),
  ];
}

function depthLink(uid: string): DynamicConfigValue {
  const chosen = [
    inserted("datasource:queryparam"),
    `var-job=${inserted("__data.fields.Job:percentencode")}`,
    inserted("instance:queryparam"),
    `var-breaker=${inserted("__data.fields.Breaker:percentencode")}`,
    inserted("__url_time_range"),
  ];
  return {
    id: "links",
    value: [{ title: "This breaker in depth", url: `/d/${uid}?${chosen.join("&")}` }],
  };
}
