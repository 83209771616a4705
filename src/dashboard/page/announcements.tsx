import { board, log } from "./store.ts";

const WORDS: Readonly<Record<string, string>> = {
  "circuit.open": "opened",
  "circuit.close": "closed",
  "circuit.force_changed": "is forced open anew",
};

/** Says the last opening or closing to those who listen to the page. */
export function Announcements() {
  const last = log.value.findLast(
    ({ record, breaker }) => breaker !== null && record.type in WORDS,
  );
  const text =
    last?.breaker == null ? "" : `${board.labelOf(last.breaker)} ${WORDS[last.record.type] ?? ""}`;
  return (
    <p class="spoken" aria-live="polite">
      {text}
    </p>
  );
}
