import { EVENTS } from "../../events/catalogue.ts";
import { SEVERITIES } from "../../events/vocabulary.ts";
import { KEYS } from "./keys.ts";

const STATES = [
  ["closed", "calls pass"],
  ["open", "calls are refused until the cooldown is over"],
  ["half_open", "a probe decides, or is due at the next call"],
  ["forced_open", "held open by an operator or a permanent failure"],
  ["disabled", "calls pass and are measured; it never opens"],
] as const;

/** What the colours, words and keys mean; the events are those of the catalogue. */
export function Legend() {
  // The catalogue's keys, which is what Object.entries says less of.
  const events = Object.entries(EVENTS);
  return (
    <section class="legend">
      <h2>Lanes</h2>
      <dl>
        {STATES.map(([state, what]) => (
          <div key={state} class="row">
            <dt>
              <i class={`key s-${state}`} /> {state.replace("_", " ")}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
        <div class="row">
          <dt>
            <i class="key unknown" /> grey
          </dt>
          <dd>no connection: nobody knows</dd>
        </div>
      </dl>
      <h2>Keys</h2>
      <dl>
        {KEYS.map(([key, what]) => (
          <div key={key} class="row">
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      {SEVERITIES.toReversed().map((severity) => (
        <div key={severity}>
          <h2 class={`v-${severity}`}>
            Events: <i class="severity">{severity}</i>
          </h2>
          <dl>
            {events
              .filter(([, event]) => event.severity === severity)
              .map(([type, { sentence, when }]) => (
                <div key={type} class="row">
                  <dt>{type}</dt>
                  <dd title={when}>{sentence}</dd>
                </div>
              ))}
          </dl>
        </div>
      ))}
    </section>
  );
}
