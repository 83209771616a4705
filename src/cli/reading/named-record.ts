import { isData } from "../../events/event-shape.ts";
import { namingOf, USUAL_NAMING } from "../../report/event-naming.ts";
import { readEntry } from "../../report/event-record.ts";

/** A line as a message of an event stream. */
export interface ToldLine {
  readonly name: string;
  readonly data: string;
}

/**
 * Makes a reader of the lines of a log or a recording, which finds out by itself how they name their events. Null for a
 * line of something else; what is damaged or of a later version is handed on, so that the page can say so.
 */
export function readNamed(): (line: string) => ToldLine | null {
  let naming = USUAL_NAMING;
  return (line) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return { name: "damaged", data: "{}" };
    }
    const found = namingOf(value);
    const reading = readEntry(value, naming);
    if (typeof reading !== "string") return toldOf(reading.record);
    if (found === null) return reading === "damaged" ? { name: "damaged", data: "{}" } : null;
    // Of a later version: its number is all that can be told of it.
    if (isData(value) && value["v"] !== 1) {
      return { name: "later", data: JSON.stringify({ v: value["v"] }) };
    }
    naming = found;
    const again = readEntry(value, naming);
    return typeof again === "string" ? { name: "damaged", data: "{}" } : toldOf(again.record);
  };
}

const toldOf = (record: { readonly type: string }): ToldLine => ({
  name: /^[\w.]+$/.test(record.type) ? record.type : "event",
  data: JSON.stringify(record),
});
