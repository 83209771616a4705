// Writes test/fixtures/events-v1: the catalogue as version 1 of the events has it, and a recording of every type of
// event. They stand for what readers out there rely on, so they are written once: after the first release of a version
// they never change again. With --again they are written anew, which is right only while nothing has been released.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { createReplay, foldIncidents } from "../src/report/index.ts";
import { broadRun } from "../test/support/broad-run.ts";
import { presentCatalogue } from "../test/support/compatibility.ts";
import { pinoLines } from "./docs/pino-lines.ts";

const folder = new URL("../test/fixtures/events-v1/", import.meta.url);
const again = process.argv.includes("--again");
if (existsSync(new URL("catalogue.json", folder)) && !again) {
  console.error(
    "Cannot freeze the events: they are frozen already; --again before the first release",
  );
  process.exitCode = 1;
} else {
  mkdirSync(folder, { recursive: true });
  const events = await broadRun();
  const write = (name: string, text: string): void => writeFileSync(new URL(name, folder), text);
  write("catalogue.json", `${JSON.stringify(presentCatalogue(), null, 2)}\n`);
  write("events.ndjson", `${events.map((event) => JSON.stringify(event)).join("\n")}\n`);
  write("pino.ndjson", pinoLines(events).join(""));
  const replaying = createReplay();
  for (const event of events) replaying.add(event);
  const expected = { incidents: foldIncidents(events).incidents, breakers: replaying.breakers() };
  write("expected.json", `${JSON.stringify(expected, null, 2)}\n`);
}
