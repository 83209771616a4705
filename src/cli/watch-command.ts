import { type Command, EXIT } from "./command-line.ts";
import { SOURCES, sourcesOf } from "./named-source.ts";

/** `telltale watch`: the live view in a terminal. */
export const watchCommand: Command = {
  summary: "breakers live in a terminal, or a line for each event when it is piped",
  about: `Shows the breakers of one or more services as they change: states over the last
ten minutes, how near a trip is, calls refused, when the next probe runs, incidents
and what happened last. It takes what telltale dashboard takes, comes back by
itself when a service is gone for a while, and says when what it shows is not of
now. When the output is no terminal it prints a line for each event instead, the
ones that the service still keeps first. NO_COLOR turns colours off.

Keys: q or Ctrl-C ends it, the arrows or j and k, PgUp, PgDn, Home and End scroll.`,
  operands: SOURCES,
  options: {
    once: { doc: "print how the breakers stand as soon as it is known, and end" },
  },
  examples: [
    ["telltale watch http://127.0.0.1:8080/events", "one service, in the terminal"],
    ["telltale watch http://api-1/events http://api-2/events", "several together"],
    ["telltale watch http://api/events | grep OPEN", "a line for each event, as it comes"],
    ["telltale watch --once http://api/events", "how the breakers stand now"],
  ],
  exitCodes: {
    [EXIT.done]: "ended with q or Ctrl-C, by a signal, or at the end of what it was given",
    [EXIT.failed]:
      "a file cannot be read, an address gives no event stream, or with --once nobody answers",
    [EXIT.usage]: "wrong usage",
  },
  async run(given, operands) {
    const sources = sourcesOf(operands, "watch");
    const { runWatch } = await import("./watch/run-watch.ts");
    return runWatch({ sources, once: given["once"] === true });
  },
};
