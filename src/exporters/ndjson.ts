import type { TelltaleEvent } from "../events/event.ts";
import type { EventBus } from "../events/event-bus.ts";
import type { Trail } from "./breaker-log.ts";
import { checkedBus } from "./event-choice.ts";
import { type BreakerWriter, EventLines, type LineTarget, type OtherEvent } from "./event-lines.ts";
import { EventTap } from "./event-tap.ts";
import { eventText } from "./event-text.ts";
import { onExit } from "./exit-hook.ts";
import { LineBuffer } from "./line-buffer.ts";
import {
  CHECK,
  type RecordingOptions,
  type RecordingSettings,
  recordingSettings,
} from "./ndjson-options.ts";

export type { RecordingOptions } from "./ndjson-options.ts";

/** One file that a bus is recorded to. */
class Recording implements LineTarget {
  readonly sink = "ndjson";
  readonly sampleSkips: boolean;
  readonly #lines: EventLines;
  readonly #file: LineBuffer;
  readonly #tap: EventTap;
  readonly #offExit: () => void;
  readonly #writer: BreakerWriter = { write: (event, trail) => this.#write(event, trail) };

  constructor(bus: EventBus, settings: RecordingSettings) {
    this.sampleSkips = settings.sampleSkips;
    this.#lines = new EventLines(bus, this);
    this.#file = new LineBuffer(settings, (count, last, failure) =>
      this.#tap.drops.add(last, count, failure),
    );
    this.#tap = new EventTap({
      bus,
      sink: this.sink,
      types: settings.types,
      take: this.#lines.take,
      listenOptions: (type) => this.#lines.listenOptions(type),
    });
    this.#offExit = onExit(() => this.#finish());
  }

  writerOf(): BreakerWriter {
    return this.#writer;
  }

  writeOther(event: OtherEvent, suppressed: number): void {
    this.#write(event, { suppressed });
  }

  detach(): void {
    this.#offExit();
    try {
      this.#tap.end();
    } finally {
      this.#finish();
    }
  }

  /** @throws what kept the line from the file; then the event is lost */
  #write(event: TelltaleEvent, trail: Partial<Trail>): void {
    this.#file.put(event, `${eventText(event, trail)}\n`, trail.suppressed ?? 0);
    this.#tap.drops.heard(event);
    this.#tap.drops.caughtUp();
  }

  /** Writes whatever is held back. */
  #finish(): void {
    this.#lines.end();
    this.#file.end();
    this.#tap.drops.end();
  }
}

/**
 * Records the events of a bus in a file of newline-delimited JSON, each line an event as it was emitted, with `prevSeq`
 * (the `seq` of the breaker's line before; null on its first) and, where refused calls were sampled, `suppressed`. It is
 * what `telltale report` and `telltale/report` read.
 *
 * Each line is written synchronously and survives a process that is killed (not a machine that loses power). The file is
 * put aside at `maxBytes`. Nothing that goes wrong with it reaches a call: what a full disk, a missing folder or a
 * missing right keeps from the file is counted as `bus.dropped` with the sink `ndjson`, and the next event tries again;
 * a line that was cut short is ended, so that no other is damaged by it. One file is for one process.
 *
 * @returns a function that detaches the file, and writes what is still held back
 * @throws {TypeError|RangeError} when an argument or an option is not what it must be
 * @example
 * const detach = recordEvents(breaker.bus, `/var/log/checkout/events-${process.pid}.ndjson`);
 */
export function recordEvents(
  bus: EventBus,
  path: string,
  options: RecordingOptions = {},
): () => void {
  const settings = recordingSettings(path, options);
  const recording = new Recording(checkedBus(CHECK, bus), settings);
  return () => recording.detach();
}
