import { STANDING_LABELS, STANDINGS } from "../board/standing.ts";
import { Announcements } from "./announcements.tsx";
import { BreakerDetail } from "./breaker-detail.tsx";
import { BreakerList } from "./breaker-list.tsx";
import { Connections } from "./connections.tsx";
import { EventLog } from "./event-log.tsx";
import { Figures } from "./figures.tsx";
import { IncidentTable } from "./incident-table.tsx";
import { Legend } from "./legend.tsx";
import {
  board,
  config,
  fault,
  nextTheme,
  PANES,
  type Pane,
  pane,
  SPANS,
  search,
  selected,
  span,
  standing,
  theme,
  view,
} from "./store.ts";

/** The whole page. */
export function App() {
  const told = config.value;
  if (told === null) {
    return <p class="begin">{fault.value ?? "Asking for the breakers …"}</p>;
  }
  const isChosen = selected.value !== null;
  return (
    <div class="page" data-pane={pane.value}>
      <header>
        <h1>{told.title}</h1>
        <Connections />
        <button
          type="button"
          class="quiet theme"
          title="Light, dark, or as the system has it (t)"
          onClick={nextTheme}
        >
          ◐ <span>{`theme: ${theme.value}`}</span>
        </button>
      </header>
      <Standings />
      <Figures />
      <Tabs of={PANES} />
      <main>
        <section class="list" aria-label="Breakers">
          <Tools />
          <BreakerList />
        </section>
        <aside>
          {!isChosen && <Tabs of={PANES.slice(1)} />}
          <Beside />
        </aside>
      </main>
      <Announcements />
    </div>
  );
}

/** How many stand how; each is a filter. */
function Standings() {
  const { counts, total } = view.value;
  const chosen = standing.value;
  return (
    <nav class="standings" aria-label="Show only breakers that are">
      <button type="button" aria-pressed={chosen === null} onClick={() => only(null)}>
        <b>{total}</b> all
      </button>
      {STANDINGS.filter((each) => counts[each] > 0 || each === chosen || each === "open").map(
        (each) => (
          <button
            type="button"
            key={each}
            class={`s-${each}`}
            data-standing={each}
            aria-pressed={chosen === each}
            onClick={() => only(chosen === each ? null : each)}
          >
            <b>{counts[each]}</b> {STANDING_LABELS[each].toLowerCase()}
          </button>
        ),
      )}
    </nav>
  );
}

function only(which: typeof standing.value): void {
  standing.value = which;
  pane.value = "breakers";
}

function Tools() {
  const { rows } = view.value;
  return (
    <div class="tools">
      <input
        id="search"
        type="search"
        placeholder="Search by name ( / )"
        aria-label="Search breakers by name"
        value={search.value}
        onInput={(event) => {
          search.value = event.currentTarget.value;
        }}
      />
      <span class="faint found" aria-live="polite">
        {search.value === "" && standing.value === null ? "" : `${rows.length} found`}
      </span>
      <fieldset class="spans" aria-label="Time that the lanes show (w)">
        {SPANS.map((each) => (
          <button
            type="button"
            key={each.label}
            aria-pressed={span.value === each}
            onClick={() => {
              span.value = each;
            }}
          >
            {each.label}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

const PANE_LABELS: Readonly<Record<Pane, string>> = {
  breakers: "Breakers",
  incidents: "Incidents",
  events: "Events",
  legend: "Legend",
};

/** Where there is room, the list stays and the others take turns beside it. */
function Tabs({ of }: { readonly of: readonly Pane[] }) {
  const shown = pane.value === "breakers" && !of.includes("breakers") ? "incidents" : pane.value;
  return (
    <nav class={of.includes("breakers") ? "tabs all-panes" : "tabs beside"} aria-label="Panes">
      {of.map((each) => (
        <button
          type="button"
          key={each}
          aria-pressed={shown === each}
          onClick={() => {
            pane.value = each;
            selected.value = null;
          }}
        >
          {PANE_LABELS[each]}
        </button>
      ))}
    </nav>
  );
}

function Beside() {
  const key = selected.value;
  // Read so that the detail is drawn with each frame.
  view.value;
  const breaker = key === null ? undefined : board.breaker(key);
  if (breaker !== undefined) return <BreakerDetail breaker={breaker} />;
  switch (pane.value) {
    case "breakers":
    case "incidents":
      return <IncidentTable />;
    case "events":
      return <EventLog breaker={null} />;
    case "legend":
      return <Legend />;
  }
}
