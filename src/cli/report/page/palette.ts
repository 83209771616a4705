/** The colours of a chart. */
export interface Palette {
  readonly text: string;
  readonly faint: string;
  readonly line: string;
  readonly panel: string;
  readonly states: Readonly<Record<string, string>>;
  readonly skips: string;
  readonly error: string;
  readonly latency: string;
  readonly nearest: string;
}

const LIGHT: Palette = {
  text: "#1d232b",
  faint: "#5c6672",
  line: "#dde2e8",
  panel: "#ffffff",
  states: { closed: "#58b27c", open: "#c62f3b", half_open: "#d98a00", forced_open: "#7b4bb7" },
  skips: "#8a94a3",
  error: "#c62f3b",
  latency: "#1f6fb2",
  nearest: "#1d232b",
};

const DARK: Palette = {
  text: "#e4e8ee",
  faint: "#98a3b1",
  line: "#333c48",
  panel: "#1a2028",
  states: { closed: "#2f7a4e", open: "#f0616b", half_open: "#f2b144", forced_open: "#b68cf0" },
  skips: "#7c8796",
  error: "#f0616b",
  latency: "#6db3f2",
  nearest: "#e4e8ee",
};

export const paletteFor = (isDark: boolean): Palette => (isDark ? DARK : LIGHT);

/** What the tip of a chart looks like, and that it stays within the page. */
export const tipOf = ({ panel, line, text }: Palette) =>
  ({
    trigger: "item",
    confine: true,
    backgroundColor: panel,
    borderColor: line,
    textStyle: { color: text, fontSize: 12 },
  }) as const;
