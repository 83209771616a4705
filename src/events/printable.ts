/** Text from outside, made safe for a terminal: one line, no control characters, no reversed direction. */
export function printable(text: string): string {
  return text.replace(/[\t\n\v\f\r\u0085\p{Zl}\p{Zp}]+/gu, " ").replace(/[\p{Cc}\p{Bidi_C}]/gu, "");
}
