import { readdirSync, readFileSync } from "node:fs";

/** What the tests read of one of Grafana's panels. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly links?: readonly { readonly title: string; readonly url: string }[];
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly min?: number;
      readonly thresholds?: { readonly steps: readonly { readonly value: number | null }[] };
    };
    readonly overrides: readonly {
      readonly matcher: { readonly id: string; readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
}

export interface Target {
  readonly expr: string;
  readonly refId: string;
  readonly legendFormat?: string;
  readonly instant?: boolean;
  readonly datasource?: { readonly uid: string };
}

/** A variable of a dashboard. */
interface Variable {
  readonly type: string;
  readonly name: string;
  readonly label?: string;
  readonly query?: string;
  readonly datasource?: { readonly uid: string };
  readonly refresh?: number;
  readonly multi?: boolean;
  readonly includeAll?: boolean;
  readonly allValue?: string;
}

/** What the tests read of a dashboard. */
export interface Dashboard {
  readonly file: string;
  readonly uid: string;
  readonly title: string;
  readonly description?: string;
  readonly editable: boolean;
  readonly links: readonly {
    readonly title: string;
    readonly url?: string;
    readonly placement?: string;
  }[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: {
    readonly list: readonly {
      readonly name: string;
      readonly expr: string;
      readonly datasource: { readonly uid: string };
    }[];
  };
  readonly panels: readonly Panel[];
}

const folder = new URL("../../docs/dashboards/", import.meta.url);

/** The committed dashboards. */
export function readDashboards(): readonly Dashboard[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => ({ file, ...JSON.parse(readFileSync(new URL(file, folder), "utf8")) }));
}

/** The panels that show something: all but the titles of rows. */
export const shown = ({ panels }: Dashboard): readonly Panel[] =>
  panels.filter(({ type }) => type !== "row");

/** Every query of a dashboard's panels, as it is written. */
export const expressions = (dashboard: Dashboard): readonly string[] =>
  shown(dashboard).flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/**
 * A query as Grafana would send it. Fails on a variable that is not among the values.
 *
 * @param values by the name of the variable, such as `{ job: ".+", __rate_interval: "1m" }`
 */
export function substituted(expr: string, values: Readonly<Record<string, string>>): string {
  return expr.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (whole, braced?: string, bare?: string) => {
    const value = values[braced ?? bare ?? ""];
    if (value === undefined) throw new Error(`Nothing is known of ${whole} in ${expr}`);
    return value;
  });
}

/** Values for every variable that a query of the dashboards may have. */
export const VALUES = {
  job: ".+",
  instance: ".+",
  breaker: "payments",
  __rate_interval: "1m",
  __interval: "15s",
  __range: "1h",
} as const;
