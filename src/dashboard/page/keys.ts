import { nextTheme, PANES, pane, SPANS, search, selected, span, standing, view } from "./store.ts";

/** What the keyboard does, for the legend. */
export const KEYS: readonly (readonly [string, string])[] = [
  ["/", "search by name"],
  ["↓ ↑ or j k", "choose a breaker"],
  ["Home End PgUp PgDn", "go further"],
  ["Esc", "close what is open, then clear the search and the filter"],
  ["1 2 3 4", "breakers, incidents, events, legend"],
  ["w", "how much time the lanes show"],
  ["t", "light or dark"],
  ["?", "this legend"],
];

const PAGE = 10;
const STEPS: Readonly<Record<string, number>> = {
  ...{ ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: PAGE, PageUp: -PAGE },
  ...{ Home: Number.NEGATIVE_INFINITY, End: Number.POSITIVE_INFINITY },
};

/** Makes the whole page answer to its keys. */
export function listenForKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    if (isTyping(target)) {
      if (key === "Escape" && target instanceof HTMLElement) {
        search.value = "";
        target.blur();
      } else if (key === "ArrowDown" && target instanceof HTMLElement && target.id === "search") {
        target.blur();
        choose(1);
        event.preventDefault();
      }
      return;
    }
    if (press(key)) event.preventDefault();
  });
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLInputElement ||
  target instanceof HTMLSelectElement ||
  target instanceof HTMLTextAreaElement;

/** Does what the key stands for; false when it stands for nothing. */
function press(key: string): boolean {
  const step = STEPS[key];
  if (step !== undefined) {
    choose(step);
    return true;
  }
  const shown = PANES[Number(key) - 1];
  if (/^[1-4]$/.test(key) && shown !== undefined) {
    pane.value = shown;
    if (shown !== "breakers") selected.value = null;
    return true;
  }
  switch (key) {
    case "/":
      pane.value = "breakers";
      document.getElementById("search")?.focus();
      return true;
    case "Escape":
      stepBack();
      return true;
    case "w":
      span.value = SPANS[(SPANS.indexOf(span.value) + 1) % SPANS.length] ?? SPANS[0];
      return true;
    case "t":
      nextTheme();
      return true;
    case "?":
      pane.value = "legend";
      selected.value = null;
      return true;
    default:
      return false;
  }
}

/** Chooses the breaker so many lines further. */
function choose(step: number): void {
  const { rows } = view.value;
  if (rows.length === 0) return;
  const at = rows.findIndex(({ breaker }) => breaker.key === selected.value);
  const next = at < 0 ? (step > 0 ? Math.max(0, Math.min(step, rows.length) - 1) : 0) : at + step;
  const row = rows[Math.min(rows.length - 1, Math.max(0, next))];
  if (row === undefined) return;
  selected.value = row.breaker.key;
}

function stepBack(): void {
  if (selected.value !== null) selected.value = null;
  else if (pane.value !== "breakers") pane.value = "breakers";
  else {
    search.value = "";
    standing.value = null;
  }
}
