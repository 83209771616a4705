#!/usr/bin/env node
import { alertsCommand } from "./alerts-command.ts";
import { clusterCommand } from "./cluster-command.ts";
import { run } from "./command-line.ts";
import { dashboardCommand } from "./dashboard-command.ts";
import { demoCommand } from "./demo-command.ts";
import { eventsCommand } from "./events-command.ts";
import { reportCommand } from "./report-command.ts";
import { tuneCommand } from "./tune-command.ts";
import { watchCommand } from "./watch-command.ts";

process.exitCode = await run(process.argv.slice(2), {
  demo: demoCommand,
  alerts: alertsCommand,
  cluster: clusterCommand,
  events: eventsCommand,
  report: reportCommand,
  tune: tuneCommand,
  dashboard: dashboardCommand,
  watch: watchCommand,
});
