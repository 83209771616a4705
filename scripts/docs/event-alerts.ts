import { factsOf } from "../../src/cli/events/event-facts.ts";
import { block } from "../../src/cli/events/event-markdown.ts";

/** How an alert is written from this page: the steps, and one of each kind in full. */
export function alertExamples(): readonly string[] {
  const { filters } = factsOf("circuit.open");
  const [opened = ""] = filters.promql;
  return [
    "## Writing an alert",
    `1. Pick the event in the table above; read when it is told and what its fields say.
2. If it moves a counter, alert on the counter: its query below counts the events of the last five minutes, and every
   series exists at zero from the start, so that the first event counts. Lengthen \`[5m]\` for rare events; put a higher
   number for \`> 0\` to let some pass; add a label, such as \`reason="latency"\`, to narrow it.
3. If it moves none, or a field matters that is no label (\`rule\`, \`detectMs\`, \`note\`), alert on the log line.
4. Put \`circuit_breaker_name\`, or \`breaker\` in the log, into the text, so that whoever is called knows which.`,
    "For Prometheus:",
    block(
      "yaml",
      `groups:
  - name: my-circuit-breakers
    rules:
      - alert: CircuitBreakerOpened
        expr: ${opened}
        labels:
          severity: warning
        annotations:
          summary: "{{ $labels.circuit_breaker_name }} opened in the last 5 minutes"`,
    ),
    "For Loki, of the breakers that opened because calls were slow:",
    block(
      "yaml",
      `groups:
  - name: my-circuit-breaker-logs
    rules:
      - alert: CircuitBreakerOpenedBySlowCalls
        expr: sum by (breaker) (count_over_time(${filters.logql} | reason="latency" [5m])) > 0
        labels:
          severity: warning
        annotations:
          summary: "{{ $labels.breaker }} opened because calls were slow"`,
    ),
  ];
}
