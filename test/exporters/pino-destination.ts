import pino, { type Logger, type LoggerOptions } from "pino";
import type { CircuitLogger } from "../../src/exporters/pino.ts";

/** A parsed log line. */
export type Line = Readonly<Record<string, unknown>>;

/** A real pino logger whose destination is memory, written synchronously. */
export interface MemoryLog {
  readonly logger: Logger;
  /** Every line as pino wrote it. */
  readonly written: string[];
  /** Every line, parsed; `type` narrows to the lines of one event. */
  lines(type?: string): Line[];
}

/** Without pino's own `time`, `pid` and `hostname` unless the options ask for them. */
export function memoryLog(options: LoggerOptions = { base: null, timestamp: false }): MemoryLog {
  const written: string[] = [];
  const logger = pino(options, { write: (line) => void written.push(line) });
  return {
    logger,
    written,
    lines(type) {
      const parsed = written.map((line): Line => JSON.parse(line));
      return type === undefined ? parsed : parsed.filter((line) => line["type"] === type);
    },
  };
}

/** Skips that the lines tell of: the lines themselves and those they carry, of one breaker when it is named. */
export function skipsTold(lines: readonly Line[], breaker?: string): number {
  let skips = 0;
  for (const line of lines) {
    if (breaker !== undefined && line["breaker"] !== breaker) continue;
    if (line["type"] === "circuit.skip") skips++;
    if (typeof line["suppressed"] === "number") skips += line["suppressed"];
  }
  return skips;
}

/** A logger of pino's shape that writes nothing. */
export function quietLogger(): CircuitLogger {
  return {
    trace: () => {},
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: () => {},
    isLevelEnabled: () => true,
    child(this: CircuitLogger) {
      return this;
    },
  };
}
