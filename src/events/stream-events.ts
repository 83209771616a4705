import { Check } from "./check.ts";
import type {
  CircuitMatching,
  CircuitPattern,
  EventPattern,
  Matching,
  TelltaleEvent,
} from "./event.ts";
import type { EventBus } from "./event-bus.ts";
import { type CircuitEventSource, type EventStreamOptions, openIntake } from "./event-intake.ts";

declare global {
  // The host's own type, wherever the program has one: this adds nothing to it. Where it has none, a stream is opaque.
  // biome-ignore lint/suspicious/noExplicitAny: declarations of one interface must have the same parameters everywhere
  interface ReadableStream<R = any> {}
}

interface Controller {
  enqueue(chunk: TelltaleEvent): void;
  close(): void;
}

type StreamMaker = new (
  source: {
    start(controller: Controller): void;
    pull(controller: Controller): Promise<void>;
    cancel(): void;
  },
  strategy: { readonly highWaterMark: number },
) => ReadableStream<TelltaleEvent>;

// Every present host has it; one that has not is met with a clear error below.
declare const ReadableStream: StreamMaker | undefined;

/**
 * The same as {@link iterateEvents}, as a Web stream: for `pipeTo`, `pipeThrough`, or the body of a `Response`. Events
 * wait in the bounded buffer alone, none in the stream's own queue. `cancel()`, or `signal`, ends it at once.
 *
 * @throws {TypeError|RangeError} when an argument or an option is not what it must be
 * @throws {Error} when the host has no `ReadableStream`
 * @example
 * await streamEvents(bus, "circuit.*", { signal }).pipeTo(writable);
 */
export function streamEvents<P extends EventPattern>(
  source: EventBus,
  pattern: P,
  options?: EventStreamOptions,
): ReadableStream<Matching<P>>;
export function streamEvents<P extends CircuitPattern>(
  source: CircuitEventSource,
  pattern: P,
  options?: EventStreamOptions,
): ReadableStream<CircuitMatching<P>>;
export function streamEvents(
  source: EventBus | CircuitEventSource,
  pattern: EventPattern,
  options?: EventStreamOptions,
): ReadableStream<TelltaleEvent> {
  if (typeof ReadableStream !== "function") {
    throw new Error("Cannot stream events: this host has no ReadableStream; use iterateEvents");
  }
  let over = false;
  let controller: Controller | undefined;
  const ended = (): void => {
    over = true;
    // Whoever waits for the next event, or for the end, is told at once.
    controller?.close();
  };
  const check = new Check("stream events");
  const { buffer, close } = openIntake(check, { source, pattern, options, ended });
  return new ReadableStream(
    {
      start(made) {
        if (over) made.close();
        else controller = made;
      },
      async pull(asked) {
        const { done, value } = await buffer.next();
        if (done !== true) asked.enqueue(value);
      },
      cancel() {
        // A canceled stream is closed already.
        controller = undefined;
        close();
      },
    },
    { highWaterMark: 0 },
  );
}
