import type { EventType } from "../../events/event.ts";
import { BREAKER_LABEL } from "../../events/metrics.ts";
import { type Matcher, writtenMatcher } from "./matcher.ts";
import type { Scope } from "./promql.ts";

const BREAKER = BREAKER_LABEL.prometheus;

/** The parts of LogQL that depend on where the logs are kept. */
export class LogQl {
  /** The labels of a service, which are labels of its streams. */
  readonly service: string;
  /** The breaker is a field of a line; as a label it is called as in the metrics, so that routes fit both. */
  readonly breaker: string;
  readonly serviceText: string;
  readonly #selector: string;

  constructor({ matchers, groupBy }: Scope) {
    this.service = groupBy.join(", ");
    this.breaker = [...groupBy, BREAKER].join(", ");
    this.serviceText = groupBy.map((label) => `${label} {{ $labels.${label} }}`).join(", ");
    // Loki refuses a selector that would match every stream there is.
    const anyService: Matcher = { label: groupBy[0] ?? "job", operator: "=~", value: ".+" };
    const chosen = matchers.length > 0 ? matchers : [anyService];
    this.#selector = `{${chosen.map(writtenMatcher).join(", ")}}`;
  }

  /**
   * The lines of some events. `fields` are the fields of a line that the filters, the grouping or `unwrap` ask for, by
   * the label that they become; `filters` come after them.
   */
  events(
    types: readonly EventType[],
    fields: Readonly<Record<string, string>> = {},
    ...filters: readonly string[]
  ): string {
    const ofBreakers = types.some((type) => /^(circuit|bus)\./.test(type));
    const common = { type: "type", ...(ofBreakers ? { [BREAKER]: "breaker" } : {}) };
    const labels = Object.entries({ ...common, ...fields })
      .map(([label, field]) => `${label}="${field}"`)
      .join(", ");
    // The text is looked for first, because reading a line as JSON costs far more.
    const quick =
      types.length === 1 ? `|= "${types[0]}"` : `|~ "${types.join("|").replaceAll(".", "[.]")}"`;
    const exact =
      types.length === 1
        ? `| type = "${types[0]}"`
        : `| type =~ "${types.join("|").replaceAll(".", "[.]")}"`;
    return [
      this.#selector,
      quick,
      `| json ${labels}`,
      exact,
      ...filters.map((text) => `| ${text}`),
    ].join(" ");
  }
}
