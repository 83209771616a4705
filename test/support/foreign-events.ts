import type { TelltaleEvent } from "../../src/index.ts";
import { forged } from "./forged.ts";

/** An event as a breaker tells it. */
export const OWN_EVENT = Object.freeze({
  type: "circuit.close",
  v: 1,
  seq: 7,
  breaker: "foreign",
  atMs: 1_767_225_600_000,
  generation: 2,
  state: "closed",
  from: "half_open",
  reason: "probe",
  spentMs: 40,
  mttrMs: 1_000,
  openMs: 500,
  skipsSinceOpened: 3,
  skipsInIncident: 5,
  probes: 2,
  reopens: 1,
}) satisfies TelltaleEvent;

/** What a stranger may put on a bus under the name of an event. None of it fits the catalogue. */
export const FOREIGN_EVENTS: readonly (readonly [what: string, event: TelltaleEvent])[] = (
  [
    ["no field but its type", { type: "circuit.close" }],
    ["a moment that is a text", { ...OWN_EVENT, atMs: "now" }],
    ["a moment that is no number", { ...OWN_EVENT, atMs: Number.NaN }],
    ["no breaker", { ...OWN_EVENT, breaker: undefined }],
    ["a number below 0", { ...OWN_EVENT, mttrMs: -1 }],
    ["an unknown state", { ...OWN_EVENT, state: "ajar" }],
    ["a later version", { ...OWN_EVENT, v: 2 }],
    ["a context that is nested", { ...OWN_EVENT, context: { user: { id: 1 } } }],
    ["an attribute with 10 000 values", { ...OWN_EVENT, attributes: { zones: Array(10_000) } }],
    [
      "a field that throws",
      {
        ...OWN_EVENT,
        get mttrMs() {
          throw new Error("unreadable");
        },
      },
    ],
  ] satisfies [string, object][]
).map(([what, event]) => [what, forged(event)]);
