import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { EVENT_TYPES } from "../../src/events/event-types.ts";
import { exportToCloudEvents } from "../../src/exporters/cloudevents.ts";
import { publishToDiagnosticsChannels } from "../../src/exporters/diagnostics-channel.ts";
import { recordEvents } from "../../src/exporters/ndjson.ts";
import { type EventEndpoint, serveEvents } from "../../src/exporters/sse.ts";
import { BOOM } from "../support/breaker.ts";
import { FakeResponse, GET } from "./event-endpoint.ts";
import { totalsOfEvents } from "./totals.ts";
import { type Destination, type ExporterEntry, type Failing, NAME } from "./under-test.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Calls that succeed are told, too: the contract counts every call. */
const EVERY = { events: ["circuit.*"] } as const;

/** What a destination that holds events says of them. */
function telling(events: () => readonly Fields[]): Pick<Destination, "totals" | "size"> {
  const own = () => events().filter(({ breaker }) => breaker === NAME);
  return {
    totals: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return totalsOfEvents(own());
    },
    size: async () => own().length,
  };
}

/** Takes an event, fails as it is told, or waits. */
function receiver() {
  const events: Fields[] = [];
  let failing: Failing | null = null;
  let shut: Promise<void> | null = null;
  return {
    events,
    take(event: Fields): unknown {
      if (failing === "throws") throw BOOM;
      if (failing === "rejects") return Promise.reject(BOOM);
      if (shut === null) events.push(event);
      else return shut.then(() => void events.push(event));
      return undefined;
    },
    fail: (how: Failing | null) => {
      failing = how;
    },
    stall() {
      let open = () => {};
      shut = new Promise((resolve) => {
        open = resolve;
      });
      return () => {
        shut = null;
        open();
      };
    },
  };
}

/** A file in a folder that may be gone. */
function openFile(): Destination {
  const folder = mkdtempSync(join(tmpdir(), "telltale-contract-"));
  const away = `${folder}.away`;
  const path = join(folder, "events.ndjson");
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const lines = () =>
    existsSync(path)
      ? readFileSync(path, "utf8")
          .split("\n")
          .filter((line) => line !== "")
          .map((line): Fields => JSON.parse(line))
      : [];
  return {
    attach: (_breakers, bus) => recordEvents(bus, path, EVERY),
    ...telling(lines),
    fail(how) {
      // Not yet open, it cannot be opened; put back, it can.
      if (how !== null) renameSync(folder, away);
      else renameSync(away, folder);
    },
    // Written at once or not at all.
    stall: () => () => {},
  };
}

/** A client that comes back when it was cut off, as an EventSource does. */
function openStream(): Destination {
  const responses: FakeResponse[] = [];
  let endpoint: EventEndpoint | null = null;
  let failing: Failing | null = null;
  const lastId = () => responses.at(-1)?.reader.lastId ?? "";
  const connect = () => {
    const response = new FakeResponse();
    const headers = { "last-event-id": lastId() };
    const write = response.write.bind(response);
    response.write = (text) => {
      if (failing !== null) throw BOOM;
      return write(text);
    };
    responses.push(response);
    endpoint?.handle({ ...GET, headers }, response);
  };
  return {
    attach(_breakers, bus) {
      const own = serveEvents(bus, { ...EVERY, historyLimit: 20_000 });
      endpoint = own;
      connect();
      return () => own.detach();
    },
    ...telling(() => responses.flatMap(({ reader }) => reader.messages.map(({ data }) => data))),
    fail(how) {
      failing = how;
      if (how === null) connect();
    },
    stall() {
      const response = responses.at(-1);
      if (response !== undefined) response.full = true;
      return () => response?.drain();
    },
  };
}

function openCloudEvents(): Destination {
  const { events, take, fail, stall } = receiver();
  return {
    attach: (_breakers, bus) =>
      exportToCloudEvents(bus, ({ data }) => take({ ...data }) as undefined, EVERY),
    ...telling(() => events),
    fail,
    stall,
  };
}

let runs = 0;

function openChannels(): Destination {
  const { events, take, fail, stall } = receiver();
  const prefix = `contract-${runs++}.`;
  for (const type of EVENT_TYPES) {
    const hear = (message: unknown): unknown => take({ ...Object(message) });
    subscribe(`${prefix}${type}`, hear);
    onTestFinished(() => void unsubscribe(`${prefix}${type}`, hear));
  }
  return {
    attach: (_breakers, bus) => publishToDiagnosticsChannels(bus, { ...EVERY, prefix }),
    ...telling(() => events),
    fail,
    stall,
  };
}

/** The exporters that hand events on to somebody else than a log. */
export const STREAMS: readonly ExporterEntry[] = [
  { name: "ndjson", sink: "ndjson", tells: "events", ways: ["throws"], open: openFile },
  { name: "sse", sink: "sse", tells: "events", ways: ["throws"], open: openStream },
  {
    name: "cloudevents",
    sink: "cloudevents",
    tells: "events",
    ways: ["throws", "rejects"],
    open: openCloudEvents,
  },
  {
    name: "diagnostics-channel",
    sink: "diagnostics-channel",
    tells: "events",
    ways: ["throws", "rejects"],
    open: openChannels,
  },
];
