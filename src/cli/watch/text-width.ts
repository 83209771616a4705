/** What a terminal shows in two columns: East Asian wide and full-width characters, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** What it shows in none: marks that go on the character before, joiners. */
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u;

const widthOf = (character: string): number =>
  NONE.test(character) ? 0 : WIDE.test(character) ? 2 : 1;

/** Text of exactly so many columns: cut with an ellipsis, or filled with spaces. */
export function fitted(text: string, columns: number): string {
  const cut = clipped(text, columns);
  return cut.text + " ".repeat(Math.max(0, columns - cut.columns));
}

/** Text of at most so many columns, and how many it has. */
export function clipped(
  text: string,
  columns: number,
): { readonly text: string; readonly columns: number } {
  let width = 0;
  let kept = "";
  /** What fits together with an ellipsis. */
  let short = { text: "", columns: 0 };
  for (const character of text) {
    const own = widthOf(character);
    if (width + own > columns) {
      return columns < 1 ? short : { text: `${short.text}…`, columns: short.columns + 1 };
    }
    kept += character;
    width += own;
    if (width < columns) short = { text: kept, columns: width };
  }
  return { text: kept, columns: width };
}
