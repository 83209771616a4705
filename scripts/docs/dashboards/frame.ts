import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  AnnotationQueryBuilder,
  ConstantVariableBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DATASOURCE } from "./panels.ts";
import { inserted, NAME } from "./queries.ts";

/** Where the runbooks are read, unless the one who imports the dashboards says otherwise. */
export const RUNBOOKS = "https://unpkg.com/telltale/docs/runbooks";

/** A titled row, with its panels from left to right and from top to bottom. */
export type Row = readonly [title: string, ...panels: Builder<Panel>[]];

/** What one of the dashboards is made of. */
export interface Frame {
  readonly title: string;
  readonly description: string;
  readonly uid: string;
  /** Whether it shows several breakers or one. */
  readonly breakers: "several" | "one";
  /** The other dashboard. */
  readonly other: { readonly title: string; readonly uid: string };
  readonly rows: readonly Row[];
}

const COLUMNS = 24;

/** The text of a dashboard's file. */
export function dashboardText(frame: Frame): string {
  const builder = new DashboardBuilder(frame.title)
    .uid(frame.uid)
    .description(frame.description)
    .tags(["telltale", "circuit-breaker"])
    .readonly()
    .timezone("utc")
    .time({ from: "now-3h", to: "now" })
    .refresh("30s")
    .tooltip(DashboardCursorSync.Crosshair)
    .variables(variables(frame.breakers))
    .annotations(annotations(frame.breakers))
    .links([
      dashboardLink(frame.other),
      new DashboardLinkBuilder("Runbooks")
        .type(DashboardLinkType.Link)
        .icon("doc")
        .url(`${inserted("runbooks")}/README.md`)
        .targetBlank(true),
    ]);
  const dashboard = builder.build();
  dashboard.panels = laidOut(frame.rows);
  return `${JSON.stringify(dashboard, inPlace, 2)}\n`;
}

/** The SDK would hide links and annotations in a menu; without a place they stand in the bar above the panels. */
function inPlace(key: string, value: unknown): unknown {
  return key === "placement" && value === "inControlsMenu" ? undefined : value;
}

function variables(breakers: Frame["breakers"]) {
  const series = "circuit_breaker_traffic_share_ratio";
  const breaker = queryVariable(
    "breaker",
    "Breaker",
    `label_values(${series}{job=~"$job", instance=~"$instance"}, ${NAME})`,
  );
  return [
    new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus"),
    severalOf(queryVariable("job", "Job", `label_values(${series}, job)`)),
    severalOf(
      queryVariable("instance", "Instance", `label_values(${series}{job=~"$job"}, instance)`),
    ),
    breakers === "several" ? severalOf(breaker) : breaker,
    new ConstantVariableBuilder("runbooks").label("Runbooks").value(RUNBOOKS),
  ];
}

function queryVariable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query(query)
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);
}

function severalOf(variable: QueryVariableBuilder): QueryVariableBuilder {
  return variable
    .multi(true)
    .includeAll(true)
    .allValue(".+")
    .current({ selected: true, text: ["All"], value: ["$__all"] });
}

/** The firing alerts of the breakers, and apart from them those of the exporters, which name no breaker. */
function annotations(breakers: Frame["breakers"]): AnnotationQueryBuilder[] {
  const chosen = breakers === "several" ? `${NAME}=~"$breaker"` : `${NAME}="$breaker"`;
  return [
    annotation("Alerts of breakers", "red", chosen),
    annotation("Alerts of telemetry", "blue", `${NAME}=""`),
  ];
}

function annotation(name: string, colour: string, matcher: string): AnnotationQueryBuilder {
  return (
    new AnnotationQueryBuilder()
      .name(name)
      .datasource(DATASOURCE)
      .enable(true)
      .iconColor(colour)
      // An empty job as well: the alerts may be grouped by another label.
      .expr(`ALERTS{alertname=~"CircuitBreaker.+", alertstate="firing", job=~"$job|", ${matcher}}`)
      .step("30s")
      .titleFormat("{{alertname}}")
      .textFormat(`{{severity}} {{${NAME}}} {{instance}}`)
      .tagKeys("alertname,severity")
  );
}

function dashboardLink({ title, uid }: Frame["other"]): DashboardLinkBuilder {
  const kept = ["datasource", "job", "instance"].map((name) => inserted(`${name}:queryparam`));
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .icon("dashboard")
    .url(`/d/${uid}?${kept.join("&")}`)
    .keepTime(true);
}

/** What each panel of a dashboard is about, with the title of its row. */
export function panelsOf({
  rows,
}: Frame): readonly Readonly<Record<"row" | "title" | "description", string>>[] {
  return rows.flatMap(([row, ...builders]) =>
    builders.map((builder) => {
      const { title = "", description = "" } = builder.build();
      return { row, title, description };
    }),
  );
}

/** Gives every panel its place and its number. */
function laidOut(rows: readonly Row[]) {
  let [id, y] = [0, 0];
  return rows.flatMap(([title, ...builders]) => {
    const row = new RowBuilder(title).id(++id).gridPos({ x: 0, y, w: COLUMNS, h: 1 }).build();
    y++;
    let [x, height] = [0, 0];
    const panels = builders.map((builder) => {
      const panel = builder.build();
      const { w = COLUMNS, h = 0 } = panel.gridPos ?? {};
      if (x + w > COLUMNS) {
        x = 0;
        y += height;
        height = 0;
      }
      panel.id = ++id;
      panel.gridPos = { x, y, w, h };
      x += w;
      height = Math.max(height, h);
      return panel;
    });
    y += height;
    return [row, ...panels];
  });
}
