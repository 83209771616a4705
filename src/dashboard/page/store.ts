import { computed, effect, signal } from "@preact/signals";
import { Board } from "../board/board.ts";
import { viewOf } from "../board/board-view.ts";
import { LiveStream } from "../board/live-stream.ts";
import type { Standing } from "../board/standing.ts";
import type { PageConfig } from "../page-config.ts";

/** What the page shows beside the list of breakers. */
export const PANES = ["breakers", "incidents", "events", "legend"] as const;
export type Pane = (typeof PANES)[number];

/** How much of the past a lane shows. */
export const SPANS = [
  { label: "2 min", ms: 120_000 },
  { label: "10 min", ms: 600_000 },
  { label: "1 h", ms: 3_600_000 },
] as const;

const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

/** The page is drawn no more often than this, however much is told. */
const REDRAW_MS = 250;
const TICK_MS = 1_000;
const RATE_OVER_MS = 6_000;
const CONFIG_RETRY_MS = 2_000;
const THEME_KEY = "telltale-theme";

export const config = signal<PageConfig | null>(null);
/** Why there is no configuration yet; null when nothing is wrong. */
export const fault = signal<string | null>(null);
export const search = signal("");
export const standing = signal<Standing | null>(null);
export const selected = signal<string | null>(null);
export const pane = signal<Pane>("breakers");
export const span = signal<(typeof SPANS)[number]>(SPANS[1]);
export const theme = signal<Theme>(storedTheme());
/** The token of an operator: it is kept here only, and gone with the page. */
export const token = signal("");

/** Goes to the next theme. */
export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? "auto";
}

/** Grows when the page is to be drawn again. */
const frame = signal(0);
const second = signal(0);

export let board = new Board([]);
let streams: readonly LiveStream[] = [];
let drawnVersion = -1;

/** The present, as of the last drawing. */
export const now = computed(() => {
  frame.value;
  return Date.now();
});

export const view = computed(() =>
  viewOf(board, { search: search.value, standing: standing.value }, now.value),
);

/** The streams as they are now. */
export const sources = computed(() => {
  frame.value;
  return board.sources.map((source, at) => ({ source, stream: streams[at] }));
});

/** The incidents and what they come to; worked out once a second at most. */
export const incidents = computed(() => {
  second.value;
  const all = board.incidents(Date.now());
  return { all, summary: board.summary(all) };
});

/** Calls refused per second over the last seconds; null as long as nobody can tell. */
export const refusedPerSecond = signal<number | null>(null);
const counted: { readonly atMs: number; readonly skips: number }[] = [];

function countRefused(atMs: number): void {
  if (!board.sources.some(({ isLive }) => isLive)) {
    counted.length = 0;
    refusedPerSecond.value = null;
    return;
  }
  const skips = view.value.skips;
  // A process that began anew counts from 0.
  if (skips < (counted.at(-1)?.skips ?? 0)) counted.length = 0;
  counted.push({ atMs, skips });
  while (atMs - (counted[0]?.atMs ?? atMs) > RATE_OVER_MS) counted.shift();
  const first = counted[0];
  const overMs = first === undefined ? 0 : atMs - first.atMs;
  refusedPerSecond.value =
    first === undefined || overMs < RATE_OVER_MS / 3
      ? null
      : ((skips - first.skips) * 1_000) / overMs;
}

/** What happened last. */
export const log = computed(() => {
  frame.value;
  return board.log.slice();
});

/** Begins: asks what there is to show, then for the streams, and goes on asking until there is an answer. */
export async function begin(): Promise<void> {
  try {
    const response = await fetch("?config", { cache: "no-store" });
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    // Written by the server that this page is from.
    const told = (await response.json()) as PageConfig;
    fault.value = null;
    watch(told);
  } catch (error) {
    fault.value = `The server of this page cannot be reached: ${error instanceof Error ? error.message : String(error)}. Trying again.`;
    setTimeout(() => void begin(), CONFIG_RETRY_MS);
  }
}

function watch(told: PageConfig): void {
  board = new Board(told.sources.map(({ name }) => name));
  config.value = told;
  streams = told.sources.map(({ url, isRecord }, at) => {
    const source = board.sources[at];
    if (source !== undefined) source.isRecord = isRecord;
    return new LiveStream(
      { url },
      {
        message: (message) => {
          board.take(at, message, Date.now());
          drawSoon();
        },
        status: (status) => {
          if (source !== undefined) source.status = status;
          draw();
        },
      },
    );
  });
  for (const stream of streams) stream.open();
  setInterval(tick, TICK_MS);
  document.addEventListener("visibilitychange", tick);
  // The network is back: there is no reason to wait any longer.
  addEventListener("online", reconnect);
}

/** Tries the streams that are lost again, without waiting. */
export function reconnect(): void {
  for (const stream of streams) if (stream.status.kind === "lost") stream.open();
}

let isDue = false;

function drawSoon(): void {
  if (isDue) return;
  isDue = true;
  setTimeout(() => {
    isDue = false;
    if (!document.hidden) draw();
  }, REDRAW_MS);
}

function draw(): void {
  frame.value++;
}

/** Clocks tick, also when nothing is told. */
function tick(): void {
  if (document.hidden) return;
  if (board.version !== drawnVersion || incidents.peek().summary.stillOpen > 0) {
    drawnVersion = board.version;
    second.value++;
  }
  draw();
  countRefused(Date.now());
}

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(THEME_KEY);
    return THEMES.find((known) => known === stored) ?? "auto";
  } catch {
    // A browser may keep nothing for this page.
    return "auto";
  }
}

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
  try {
    localStorage.setItem(THEME_KEY, theme.value);
  } catch {
    // It holds for as long as the page is open.
  }
});

effect(() => {
  if (config.value === null) return;
  const { open, forced_open: forced } = view.value.counts;
  const unwell = open + forced;
  document.title = `${unwell > 0 ? `(${unwell} open) ` : ""}${config.value.title}`;
});
