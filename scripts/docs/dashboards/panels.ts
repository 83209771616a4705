import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  BigValueColorMode,
  BigValueGraphMode,
  type DataSourceRef,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  type DashboardLink,
  DashboardLinkBuilder,
  DashboardLinkType,
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type ThresholdsConfig,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimelineBuilder } from "@grafana/grafana-foundation-sdk/statetimeline";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import type { CircuitState } from "../../../src/events/vocabulary.ts";
import type { AlertName } from "../alert-names.ts";
import { inserted, STATE_CODES } from "./queries.ts";

/** The data source that the dashboard's variable names. */
export const DATASOURCE: DataSourceRef = { type: "prometheus", uid: inserted("datasource") };

/** Below the first limit the first colour, from each limit on the colour beside it. */
export type Limits = readonly [
  first: string,
  ...steps: (readonly [from: number, colour: string])[],
];

/** One query of a panel; `legend` names its series. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

/** What every panel has. */
export interface Content {
  readonly title: string;
  /** What the panel answers, what a zero means, and what to do about a bad value. */
  readonly description: string;
  /** One of Grafana's units, such as `s` or `percentunit`. */
  readonly unit: string;
  readonly limits: Limits;
  readonly queries: readonly Query[];
  /** In columns, of 24. */
  readonly width: number;
  /** In grid units. */
  readonly height: number;
  readonly decimals?: number;
  readonly max?: number;
  /** The alerts whose runbooks the panel links to. */
  readonly runbooks?: readonly AlertName[];
}

/** What a diagram over time may have besides. */
export interface SeriesContent extends Content {
  /** Draws bars for counts per interval instead of lines. */
  readonly bars?: boolean;
  readonly stacked?: boolean;
  /** Draws the limits as dashed lines. */
  readonly lines?: boolean;
  /** Colours of series by their legend. */
  readonly colours?: Readonly<Record<string, string>>;
  /** Series, by their legend, that are a limit and not a reading: dashed. */
  readonly dashed?: readonly string[];
  /** Series, by their legend, that are counts in a panel of something else: bars, with an axis on the right. */
  readonly counts?: readonly string[];
}

/** The builders of all panels have these methods; the SDK gives them no common type. */
interface Dressable {
  title(title: string): this;
  description(description: string): this;
  datasource(datasource: DataSourceRef): this;
  unit(unit: string): this;
  decimals(decimals: number): this;
  min(min: number): this;
  max(max: number): this;
  span(columns: number): this;
  height(height: number): this;
  thresholds(thresholds: Builder<ThresholdsConfig>): this;
  links(links: Builder<DashboardLink>[]): this;
  withTarget(target: DataqueryBuilder): this;
}

/** Gives a panel what every panel has, apart from its queries. */
export function dress<B extends Omit<Dressable, "withTarget">>(builder: B, content: Content): B {
  const { title, description, unit, limits, width, height, decimals, max, runbooks } = content;
  const [first, ...steps] = limits;
  builder
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .unit(unit)
    .min(0)
    .span(width)
    .height(height)
    .thresholds(
      new ThresholdsConfigBuilder()
        .mode(ThresholdsMode.Absolute)
        .steps([
          { value: null, color: first },
          ...steps.map(([value, color]) => ({ value, color })),
        ]),
    );
  if (decimals !== undefined) builder.decimals(decimals);
  if (max !== undefined) builder.max(max);
  if (runbooks !== undefined) builder.links(runbooks.map(runbookLink));
  return builder;
}

/** A link to the runbook of an alert; the variable `runbooks` says where they are. */
function runbookLink(alert: AlertName): DashboardLinkBuilder {
  return new DashboardLinkBuilder(`Runbook: ${alert}`)
    .type(DashboardLinkType.Link)
    .url(`${inserted("runbooks")}/${alert}.md`)
    .targetBlank(true);
}

const REF_IDS = "ABCDEFGHIJ";

/** The queries over the whole range of the dashboard, or with `instant` at its end. */
export function targets(queries: readonly Query[], instant = false): DataqueryBuilder[] {
  return queries.map(({ expr, legend }, at) => {
    const target = new DataqueryBuilder()
      .datasource(DATASOURCE)
      .expr(expr)
      .legendFormat(legend)
      .refId(REF_IDS.charAt(at));
    return instant ? target.instant().format(PromQueryFormat.Table) : target.range();
  });
}

/** One number, the last. `plain` are the legends of numbers that the limits are not about. */
export function stat(content: Content, plain: readonly string[] = []): StatBuilder {
  const builder = dress(new StatBuilder(), content)
    .targets(targets(content.queries))
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.Area)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]));
  for (const legend of plain) builder.overrideByName(legend, [fixedColour("semi-dark-blue")]);
  return builder;
}

/** The worst state, by its name and colour. */
export function stateStat(content: Content): StatBuilder {
  return stat(content).graphMode(BigValueGraphMode.None).mappings(STATE_MAPPINGS);
}

/** Numbers over time. */
export function series(content: SeriesContent): TimeseriesBuilder {
  const { bars = false, stacked = false, lines = false } = content;
  const { colours = {}, dashed = [], counts = [] } = content;
  const builder = dress(new TimeseriesBuilder(), content)
    .targets(targets(content.queries))
    .drawStyle(bars ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(bars ? 80 : stacked ? 30 : 10)
    .showPoints(VisibilityMode.Never)
    .stacking(
      new StackingConfigBuilder()
        .mode(stacked ? StackingMode.Normal : StackingMode.None)
        .group("A"),
    )
    .thresholdsStyle(
      new GraphThresholdsStyleConfigBuilder().mode(
        lines ? GraphThresholdsStyleMode.Dashed : GraphThresholdsStyleMode.Off,
      ),
    )
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(["lastNotNull", "max"]),
    )
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    );
  for (const [legend, colour] of Object.entries(colours)) {
    builder.overrideByName(legend, [fixedColour(colour)]);
  }
  for (const legend of dashed) {
    builder.overrideByName(legend, [
      fixedColour("red"),
      { id: "custom.lineStyle", value: { fill: "dash", dash: [10, 10] } },
      { id: "custom.fillOpacity", value: 0 },
    ]);
  }
  for (const legend of counts) {
    builder.overrideByName(legend, [
      { id: "unit", value: "short" },
      { id: "custom.drawStyle", value: GraphDrawStyle.Bars },
      { id: "custom.axisPlacement", value: "right" },
      { id: "custom.axisLabel", value: legend },
      { id: "custom.fillOpacity", value: 20 },
    ]);
  }
  return builder;
}

function fixedColour(colour: string): DynamicConfigValue {
  return { id: "color", value: { mode: FieldColorModeId.Fixed, fixedColor: colour } };
}

/** States over time, one row for each series; the queries give codes of states. */
export function timeline(content: Content): TimelineBuilder {
  return dress(new TimelineBuilder(), content)
    .targets(targets(content.queries))
    .mappings(STATE_MAPPINGS)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .mergeValues(true)
    .rowHeight(0.8)
    .showValue(VisibilityMode.Auto)
    .perPage(20)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None));
}

const STATE_LOOKS: Readonly<Record<CircuitState, readonly [text: string, colour: string]>> = {
  closed: ["closed", "green"],
  disabled: ["disabled", "blue"],
  half_open: ["half open", "yellow"],
  open: ["open", "red"],
  forced_open: ["forced open", "purple"],
};

/** The limits of a panel that shows codes of states. */
export const STATE_LIMITS: Limits = [
  "green",
  [STATE_CODES.disabled, "blue"],
  [STATE_CODES.half_open, "yellow"],
  [STATE_CODES.open, "red"],
  [STATE_CODES.forced_open, "purple"],
];

/** Turns codes of states into their names and colours. */
export const STATE_MAPPINGS: ValueMapping[] = [
  {
    type: MappingType.ValueToText,
    options: Object.fromEntries(
      Object.entries(STATE_CODES).map(([state, code], index) => {
        // The codes have an entry for every state and none else.
        const [text, color] = STATE_LOOKS[state as CircuitState];
        return [String(code), { text, color, index }];
      }),
    ),
  },
];

/** The colours of what calls counted as, the same in every panel. */
export const OUTCOME_COLOURS = {
  success: "green",
  error: "red",
  latency: "orange",
  ignored: "light-blue",
  cancelled: "blue",
  unreached: "dark-blue",
  late: "purple",
  expired: "dark-purple",
  refused: "semi-dark-yellow",
} as const;
