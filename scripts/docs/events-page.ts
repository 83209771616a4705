import { circuitEnvelope, factsOf, fieldFacts } from "../../src/cli/events/event-facts.ts";
import {
  block,
  eventSection,
  fieldTable,
  overviewTable,
} from "../../src/cli/events/event-markdown.ts";
import { BUS_ENVELOPE } from "../../src/events/bus-events.ts";
import { PLAIN_ENVELOPE } from "../../src/events/catalogue.ts";
import type { EventMetric } from "../../src/events/event-definition.ts";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { BREAKER_LABEL, METRICS, type MetricName } from "../../src/events/metrics.ts";
import { EVENTS, type TelltaleEvent } from "../../src/index.ts";
import { alertExamples } from "./event-alerts.ts";
import { type EventExample, eventExamples } from "./event-examples.ts";

/** docs/events.md, made from the catalogue and from runs of the library. */
export async function eventsPage(): Promise<string> {
  const examples = await eventExamples();
  const all = EVENT_TYPES.map(factsOf);
  const sections = all.map((facts) => {
    const example = examples.get(facts.type);
    if (example === undefined) {
      throw new Error(`${facts.type} has no example: let test/support/broad-run.ts tell it`);
    }
    return eventSection(facts, exampleText(example));
  });
  return `${[
    ...INTRODUCTION,
    overviewTable(all),
    ...ENVELOPES,
    ...FINDING,
    ...alertExamples(),
    ...sections,
  ].join("\n\n")}\n`;
}

const INTRODUCTION = [
  "# Events",
  `Made from the catalogue in \`src/events\` by \`npm run docs\`; do not edit. The same is printed by \`telltale events\`;
as JSON Schema it is [events.schema.json](events.schema.json), which users import as \`telltale/events.schema.json\`.`,
  `Every event is frozen plain data. Lengths of time end in \`Ms\` (milliseconds), moments of the wall clock in \`AtMs\`
(milliseconds since 1970), shares are 0 to 1, counts are whole numbers. A \`?\` marks a key that may be missing. Later
versions may add events, fields and words; they take nothing away and give nothing another meaning.`,
  block(
    "ts",
    `import { CircuitBreaker } from "telltale";

const breaker = new CircuitBreaker("payments");
breaker.on("circuit.open", (event) => console.log(event.reason, event.rule, event.detectMs));
breaker.on("circuit.*", (event) => console.log(event.seq, event.type));`,
  ),
  `Order: the state is committed, then listeners run in the order they subscribed, before the caller sees the result.
The events of one step come as failure or success, progress, probe, then open or close. A listener that throws
disturbs nobody and is reported as \`bus.listener_failed\`.`,
];

const ENVELOPES = [
  "## The fields of every event",
  "Every `circuit.*` event has these; `incidentId` while there is an incident.",
  fieldTable(circuitEnvelope()),
  "`bus.*` events have `type` and:",
  fieldTable(fieldFacts(BUS_ENVELOPE)),
  "All others have `type` and:",
  fieldTable(fieldFacts(PLAIN_ENVELOPE)),
];

const FINDING = [
  "## Where events are found",
  `In the log, \`telltale/pino\` writes an event as one line: its fields at the top level, its severity as the level
(trace 10, debug 20, info 30, warn 40, error 50), its sentence as the message, its error under \`err\`. A logger at pino's
default level \`info\` writes none of trace and debug. With \`{ eventKey: "event", prefix: "triage." }\` the line says
\`"event":"triage.circuit.open"\` instead of \`"type":"circuit.open"\`; change the filters below alike. Each line of a
breaker has \`prevSeq\`, the \`seq\` of its line before (null on its first): another number than that line's is a lost line.`,
  `Refused calls are sampled without loss: of many \`circuit.skip\` in a row only the 1st, 2nd, 4th, 8th … and one every
10 s are written, and \`suppressed\` on the next line is the number of the others. Lines plus \`suppressed\` are the calls
refused; to count them, use \`circuit_breaker_skips_total\`. The events of policies (\`retry.*\`, \`timeout.*\`,
\`fallback.*\`, \`policy.*\`) are sampled in the same way for each type and policy: count them as lines plus
\`suppressed\`, and set no alert on a number of their lines.`,
  `In metrics an event is a counter that went up, for those that say below which. [metrics.md](metrics.md) has the gauges
besides: \`circuit_breaker_state\` is 1 for the present state and 0 for the others.`,
  "The examples are of a run of the library under a clock of its own, printed by pino with its defaults.",
];

function exampleText({ event, line }: EventExample): string {
  const moves = EVENTS[event.type].metrics.flatMap((metric) => movedBy(event, metric));
  return [
    "An event, and the line that pino prints of it:",
    block("json", JSON.stringify(event, null, 2)),
    block("json", line),
    ...(moves.length === 0
      ? []
      : [`It moved ${moves.map((text) => `\`${text}\``).join(" and ")}.`]),
  ].join("\n\n");
}

/** The series that an event moves by one entry of the catalogue, in Prometheus' spelling. */
function movedBy(event: TelltaleEvent, { metric, labels, by, only }: EventMetric): string[] {
  const held: Readonly<Record<string, unknown>> = { ...event };
  if (only !== undefined && !only.words.includes(String(held[only.field]))) return [];
  const own = Object.entries(labels).map(([label, from]) => [
    label,
    typeof from === "string" ? held[from] : from.value,
  ]);
  // The catalogue of events names metrics of the other catalogue: a test reads them all.
  const { perBreaker } = METRICS[metric as MetricName];
  const all = perBreaker ? [[BREAKER_LABEL.prometheus, held["breaker"]], ...own] : own;
  const series = `${metric}{${all.map(([label, value]) => `${label}="${value}"`).join(",")}}`;
  return [`${series} +${by === undefined ? 1 : held[by]}`];
}
