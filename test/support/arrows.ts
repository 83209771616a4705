import { codeOnly, type Import, importsOf, type Sources } from "./import-graph.ts";

const LONGEST_FILE = 400;
const DRAWERS = /(?:^|\/)(?:utils?|helpers?|types|common|misc|shared|lib)\.ts$/;
/** What core, events and policies may not touch: the host comes in by src/platform.ts or as an argument. */
const HOST =
  /(?<![.\w$])(?:Date|performance|setTimeout|setInterval|setImmediate|queueMicrotask|process|globalThis|crypto|console|fetch|AbortController|AbortSignal|Buffer|require)\b(?!\s*:)/;

const BREAKER_VIEW = "src/core/breaker-view.ts";
const PLATFORM = "src/platform.ts";

/** The room of a file in src: its folder, or itself when it lies in none. */
function roomOf(path: string): string {
  const [, room, ...rest] = path.split("/");
  return rest.length > 0 && room !== undefined ? room : path;
}

type Rule = (target: string, imported: Import) => boolean;
const within =
  (...rooms: string[]): Rule =>
  (target) =>
    target.startsWith("src/") && rooms.includes(roomOf(target));
const isPackage: Rule = (target) => !target.startsWith("src/");

/** What each room may import, besides itself. */
const ARROWS: Readonly<Record<string, Rule>> = {
  events: () => false,
  core: within("events", PLATFORM),
  [PLATFORM]: (target, { typeOnly }) => typeOnly && target === "src/core/clock.ts",
  "src/index.ts": within("core", "events", "policies"),
  policies: within("core", "events", PLATFORM),
  exporters: (target, imported) =>
    isPackage(target, imported) ||
    within("events")(target, imported) ||
    (imported.typeOnly && target === BREAKER_VIEW),
  // Its guards are policies.
  quota: within("core", "events", "policies", PLATFORM),
  // A client of Redis is the user's: no package comes in by itself.
  redis: (target, imported) =>
    target === "node:crypto" ||
    within("cluster", "state", "core", "events", PLATFORM)(target, imported),
  // Types of Node only: test/integration/any-host.test.ts bundles it without Node.
  state: (target, imported) =>
    within("quota", "core", "events", PLATFORM)(target, imported) ||
    (imported.typeOnly && isPackage(target, imported)),
  workers: within("state", "quota", "core", "events", PLATFORM),
  report: within("events"),
  // The event endpoint is the exporter's.
  http: (target, imported) =>
    within("core", "events", "policies", PLATFORM)(target, imported) ||
    target === "src/exporters/sse.ts" ||
    // The live page of a service.
    target === "src/dashboard/serve-dashboard.ts" ||
    target === "src/dashboard/dashboard-options.ts",
  // Its breakers come over the event endpoint's stream, and its incidents are the report's.
  dashboard: (target, imported) =>
    isPackage(target, imported) ||
    within("core", "events", "report")(target, imported) ||
    target === "src/exporters/sse.ts" ||
    // The form of a reading: the board is also compiled for browsers, where the endpoint is not.
    (imported.typeOnly && target === "src/exporters/sse-readings.ts"),
  cli: () => true,
};
/** Everything else may import core and events. */
const OTHERS: Rule = (target, imported) =>
  isPackage(target, imported) || within("core", "events", PLATFORM)(target, imported);

function wrongArrows(path: string, source: string): string[] {
  const room = roomOf(path);
  const allowed = ARROWS[room] ?? OTHERS;
  return importsOf(path, source)
    .filter((imported) => {
      const { target } = imported;
      const own = target.startsWith("src/") && roomOf(target) === room;
      return !own && !allowed(target, imported);
    })
    .map(({ target, typeOnly }) => `${path} imports ${typeOnly ? "a type of " : ""}${target}`);
}

/** What is wrong with the rooms of src: each fault in one line. */
export function faultsOfRooms(sources: Sources): string[] {
  const faults: string[] = [];
  for (const [path, source] of sources) {
    if (path.startsWith("src/")) faults.push(...wrongArrows(path, source));
    if (/^src\/(?:core|events|policies)\//.test(path) || path === "src/index.ts") {
      const [name] = HOST.exec(codeOnly(source)) ?? [];
      if (name !== undefined) faults.push(`${path} touches ${name}`);
    }
    if (DRAWERS.test(path)) faults.push(`${path} is a drawer`);
    const lines = source.split("\n").length - 1;
    if (lines > LONGEST_FILE) faults.push(`${path} has ${lines} lines`);
  }
  return faults;
}
