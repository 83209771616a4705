import type { CustomSeriesOption } from "echarts/charts";
import type { EChartsCoreOption } from "echarts/core";
import type { BreakerChart, ChartData, ChartStretch } from "../chart-data.ts";
import { type Palette, tipOf } from "./palette.ts";
import { duration, textLines, utc } from "./wording.ts";

/** What a label of the axis of time says, by the finest part of its moment. */
const MOMENTS = {
  ...{ year: "{yyyy}-{MM}-{dd}", month: "{MM}-{dd}", day: "{MM}-{dd}", hour: "{HH}:{mm}" },
  ...{ minute: "{HH}:{mm}", second: "{HH}:{mm}:{ss}", millisecond: "{HH}:{mm}:{ss}.{SSS}" },
};
const LANE_PX = 26;
const COUNTS_PX = 130;
const NEAREST_PX = 80;
const TOP_PX = 34;
const GAP_PX = 42;
const ZOOM_PX = 62;

const lanesPx = (chart: BreakerChart): number => Math.max(1, chart.lanes.length) * LANE_PX;

/** How high the chart of a breaker is, in pixels. */
export const heightOf = (chart: BreakerChart): number =>
  TOP_PX + lanesPx(chart) + GAP_PX + COUNTS_PX + GAP_PX + NEAREST_PX + ZOOM_PX;

/** The part of the record around the incidents, which is shown first. */
function firstView({ fromMs, toMs }: ChartData, { lanes, binMs }: BreakerChart): [number, number] {
  const all = lanes.flatMap(({ stretches }) => stretches);
  const first = all.reduce((least, stretch) => Math.min(least, stretch.fromMs), toMs);
  const last = all.reduce((most, stretch) => Math.max(most, stretch.toMs), fromMs);
  const marginMs = Math.max(2_000, (last - first) * 0.15);
  return [
    Math.max(fromMs, first - marginMs),
    Math.min(Math.max(toMs, last) + binMs, last + marginMs),
  ];
}

/** Three panels on one axis of time: states by instance, refused calls and failures, distance to the trip. */
export function optionOf(
  data: ChartData,
  chart: BreakerChart,
  palette: Palette,
): EChartsCoreOption {
  const [startValue, endValue] = firstView(data, chart);
  const end = chart.lanes
    .flatMap(({ stretches }) => stretches)
    .reduce((most, { toMs }) => Math.max(most, toMs), data.toMs);
  const axis = {
    type: "time",
    min: data.fromMs,
    // What happened last is drawn in the middle of its bin.
    max: Math.max(end, data.fromMs + 1_000) + chart.binMs,
    axisLine: { lineStyle: { color: palette.line } },
    axisTick: { show: false },
    splitLine: { show: true, lineStyle: { color: palette.line, opacity: 0.5 } },
    axisLabel: { color: palette.faint, fontSize: 12, hideOverlap: true, formatter: MOMENTS },
  };
  // Without a filter: a state that lasts longer than what is shown is a part of it.
  const zoom = { xAxisIndex: [0, 1, 2], startValue, endValue, filterMode: "none" };
  const tops = [TOP_PX, TOP_PX + lanesPx(chart) + GAP_PX];
  const lowest = (tops[1] ?? 0) + COUNTS_PX + GAP_PX;
  const heights = [lanesPx(chart), COUNTS_PX, NEAREST_PX];
  return {
    useUTC: true,
    animation: false,
    textStyle: { color: palette.text, fontFamily: "system-ui, sans-serif" },
    grid: [...tops, lowest].map((top, at) => ({ top, height: heights[at], left: 122, right: 18 })),
    xAxis: [0, 1, 2].map((gridIndex) => ({
      ...axis,
      gridIndex,
      axisLabel: { ...axis.axisLabel, show: gridIndex === 2 },
      axisPointer: { label: { show: gridIndex === 2 } },
    })),
    yAxis: axesY(chart, palette),
    axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: palette.faint } },
    legend: {
      top: 2,
      right: 12,
      itemWidth: 14,
      itemHeight: 10,
      textStyle: { color: palette.text },
      data: ["refused", "error", "latency", "nearest to the trip"],
    },
    tooltip: tipOf(palette),
    dataZoom: [
      { ...zoom, type: "inside", zoomOnMouseWheel: "ctrl" },
      {
        ...{ ...zoom, type: "slider", bottom: 8, height: 22 },
        textStyle: { color: palette.faint },
        borderColor: palette.line,
        labelFormatter: (value: number) => utc(value).slice(11, 19),
      },
    ],
    series: [lanesSeries(data, chart, palette), ...countSeries(chart, palette)],
  };
}

function axesY(chart: BreakerChart, palette: Palette): object[] {
  const title = { color: palette.faint, align: "left", padding: [0, 0, 0, -114] };
  const plain = {
    splitLine: { lineStyle: { color: palette.line, opacity: 0.6 } },
    axisLabel: { color: palette.faint },
    nameTextStyle: title,
    nameGap: 14,
  };
  return [
    {
      ...{ type: "category", gridIndex: 0, inverse: true, data: chart.lanes.map((_, at) => at) },
      axisLabel: {
        color: palette.text,
        width: 110,
        overflow: "truncate",
        formatter: (at: string) => chart.lanes[Number(at)]?.label ?? "",
      },
      axisLine: { show: false },
      axisTick: { show: false },
    },
    {
      ...plain,
      type: "value",
      gridIndex: 1,
      name: `calls per ${duration(chart.binMs)}`,
      minInterval: 1,
    },
    {
      ...plain,
      ...{
        type: "value",
        gridIndex: 2,
        name: "of the way to a trip",
        min: 0,
        max: 1,
        interval: 0.5,
      },
      axisLabel: {
        color: palette.faint,
        formatter: (share: number) => `${Math.round(share * 100)} %`,
      },
    },
  ];
}

function lanesSeries(
  data: ChartData,
  { lanes }: BreakerChart,
  palette: Palette,
): CustomSeriesOption {
  const background = lanes.map((_, lane) => [data.fromMs, data.toMs, lane, -1]);
  const all: { lane: number; stretch: ChartStretch }[] = lanes.flatMap(({ stretches }, lane) =>
    stretches.map((stretch) => ({ lane, stretch })),
  );
  return {
    ...{ type: "custom", name: "state", xAxisIndex: 0, yAxisIndex: 0, clip: true },
    encode: { x: [0, 1], y: 2 },
    data: [
      ...background,
      ...all.map(({ lane, stretch: { fromMs, toMs } }, at) => [fromMs, toMs, lane, at]),
    ],
    renderItem(_, api) {
      const stretch = all[Number(api.value(3))]?.stretch;
      const [fromX = 0, y = 0] = api.coord([api.value(0), api.value(2)]);
      const [toX = 0] = api.coord([api.value(1), api.value(2)]);
      // Half open is half as high: the states can be told apart without their colours.
      const share = stretch === undefined ? 0.12 : stretch.state === "half_open" ? 0.4 : 0.75;
      const height = LANE_PX * share;
      return {
        type: "rect",
        shape: {
          x: fromX,
          y: y - height / 2,
          width: Math.max(stretch === undefined ? 0 : 2, toX - fromX),
          height,
        },
        style: {
          fill: palette.states[stretch?.state ?? "closed"] ?? palette.faint,
          ...(stretch?.isOpenEnded === true
            ? { stroke: palette.text, lineDash: [4, 3], lineWidth: 1.5 }
            : {}),
        },
      };
    },
    tooltip: {
      formatter(given) {
        // Of one item, since the trigger is one.
        const { dataIndex } = given as { dataIndex: number };
        const found = all[dataIndex - background.length];
        if (found === undefined) return textLines(["closed"]);
        const { state, fromMs, toMs, isOpenEnded, incidentId } = found.stretch;
        return textLines([
          `${state.replace("_", " ")}, ${isOpenEnded ? "≥ " : ""}${duration(toMs - fromMs)}`,
          `${utc(fromMs)} UTC`,
          isOpenEnded ? "no recorded end" : `${utc(toMs)} UTC`,
          `incident ${incidentId}`,
        ]);
      },
    },
  };
}

function countSeries(chart: BreakerChart, palette: Palette): object[] {
  const { bins, binMs } = chart;
  const middle = (fromMs: number): number => fromMs + binMs / 2;
  const bar = (name: string, color: string, value: (at: number) => number): object => ({
    ...{ type: "bar", name, stack: "calls", xAxisIndex: 1, yAxisIndex: 1 },
    itemStyle: { color },
    barMinWidth: 2,
    barMaxWidth: 24,
    large: false,
    data: bins.map(({ fromMs }, at) => [middle(fromMs), value(at)]),
    tooltip: {
      formatter(given: { dataIndex: number }) {
        const bin = bins[given.dataIndex];
        if (bin === undefined) return "";
        const { fromMs, skips, error, latency } = bin;
        return textLines([
          `${utc(fromMs)} UTC, ${duration(binMs)}`,
          `refused ${skips}, failed ${error}, slow ${latency}`,
        ]);
      },
    },
  });
  const near = bins.flatMap(({ fromMs, nearest, last }) => {
    const points = [
      { atMs: middle(fromMs), share: nearest },
      // What fell again within the stretch must not look as if it had stayed.
      ...(last === nearest ? [] : [{ atMs: fromMs + binMs, share: last }]),
    ];
    return points.filter(({ share }) => share !== null);
  });
  return [
    bar("refused", palette.skips, (at) => bins[at]?.skips ?? 0),
    bar("error", palette.error, (at) => bins[at]?.error ?? 0),
    bar("latency", palette.latency, (at) => bins[at]?.latency ?? 0),
    {
      ...{ type: "line", name: "nearest to the trip", step: "end", xAxisIndex: 2, yAxisIndex: 2 },
      ...{ symbol: "circle", symbolSize: 6, color: palette.nearest, lineStyle: { width: 1.5 } },
      data: near.map(({ atMs, share }) => [atMs, share]),
      tooltip: {
        formatter(given: { dataIndex: number }) {
          const point = near[given.dataIndex];
          if (point === undefined) return "";
          return textLines([
            `${utc(point.atMs)} UTC`,
            `${Math.round((point.share ?? 0) * 100)} % of the way to a trip`,
          ]);
        },
      },
      markLine: {
        ...{ silent: true, symbol: "none", data: [{ yAxis: 1 }] },
        label: { formatter: "trip", color: palette.error, position: "insideEndTop" },
        lineStyle: { color: palette.error, type: "dashed" },
      },
    },
  ];
}
