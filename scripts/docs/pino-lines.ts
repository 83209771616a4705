import pino from "pino";
import { logCircuitEvents } from "../../src/exporters/pino.ts";
import { createEventBus, type TelltaleEvent } from "../../src/index.ts";

/** What pino prints of events: a real logger with its defaults, but for the process that every run would name anew. */
export function pinoLines(events: readonly TelltaleEvent[]): readonly string[] {
  const lines: string[] = [];
  let atMs = 0;
  const logger = pino(
    {
      level: "trace",
      base: { pid: 17, hostname: "api-7f9" },
      timestamp: () => `,"time":${Math.floor(atMs)}`,
    },
    { write: (line) => void lines.push(line) },
  );
  const bus = createEventBus();
  const detach = logCircuitEvents(bus, logger);
  for (const event of events) {
    atMs = event.atMs;
    bus.emit(event);
  }
  detach();
  return lines;
}
