import { errorKind } from "../policies/error-kind.ts";
import type { HttpCall } from "./http-call.ts";

/** What is used of a `Response` whose body is guarded. */
interface BodyHolder {
  readonly bodyUsed: boolean;
  readonly body: ReadableStream<Uint8Array> | null;
}

/** The stream of a response that is watched, and of which it is made. */
class Watched {
  readonly call: HttpCall;
  readonly source: object;
  readonly stream: ReadableStream<Uint8Array>;

  constructor(call: HttpCall, source: ReadableStream<Uint8Array>, response: object) {
    this.call = call;
    this.source = source;
    this.stream = watch(new Watching(source, call, response));
  }
}

/** Answers what it was given, so that a class on top of it puts its private fields there. */
class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: private fields are the cheapest thing to add to an object
    return object;
  }
}

/** What a guarded response knows of its body, kept in one field of the response, which nobody sees. */
class Held extends Given {
  /** The call alone until somebody asks for the stream. */
  #held: HttpCall | Watched;

  constructor(response: object, call: HttpCall) {
    super(response);
    this.#held = call;
  }

  /** Not when its prototype came to it by a proxy, which has the field itself: what it reads counts by its head. */
  static has(response: object): boolean {
    return #held in response;
  }

  /** A copy was made: from now on the response has another stream. */
  static unwatch(response: object): void {
    (response as Held).#held = Held.callOf(response);
  }

  /** A guard around the one that the response has already. */
  static join(response: object, call: HttpCall): boolean {
    // One that was read before, and is handed out again, tells nothing any more.
    if (Reflect.get(response, "bodyUsed") === true) return false;
    return Held.callOf(response).heardBy(call);
  }

  static callOf(response: object): HttpCall {
    // Only objects that `guardBody` gave the field have the prototype that asks.
    const held = (response as Held).#held;
    return held instanceof Watched ? held.call : held;
  }

  /**
   * The call; null when somebody reads the watched stream, of which the response itself knows nothing before the first
   * chunk is read.
   */
  static callUnlessLocked(response: object): HttpCall | null {
    const held = (response as Held).#held;
    if (!(held instanceof Watched)) return held;
    return held.stream.locked ? null : held.call;
  }

  /** The same watched stream for each look at the same body. */
  static watched(response: object, source: ReadableStream<Uint8Array>): Watched["stream"] {
    const held = (response as Held).#held;
    if (held instanceof Watched && held.source === source) return held.stream;
    const watched = new Watched(Held.callOf(response), source, response);
    (response as Held).#held = watched;
    return watched.stream;
  }
}

const READERS = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"];

/** Whether a reader failed for what the whole body says, not for how it came. */
function isMisread(name: string, error: unknown): boolean {
  if (name === "json") return error instanceof SyntaxError;
  return name === "formData" && errorKind(error) === "unknown";
}

/**
 * The prototypes of guarded responses, by those of the responses: one for each kind of `Response` there is. A guarded one
 * leads to itself.
 */
const guardedPrototypes = new WeakMap<object, object>();
/** The last of them: nearly all responses are of one kind. */
let lastSeen: { readonly prototype: object; readonly guarded: object } | null = null;

/**
 * Watches the body of a response, however it is read. The response stays the object that `fetch` made, with its `url`
 * and whatever else it has; only its prototype has a layer more. False when that cannot be.
 */
export function guardBody(response: object, call: HttpCall): boolean {
  try {
    const prototype: object | null = Object.getPrototypeOf(response);
    if (prototype === null) return false;
    const guarded = guardedOf(prototype);
    if (guarded === prototype) return Held.has(response) && Held.join(response, call);
    new Held(response, call);
    Object.setPrototypeOf(response, guarded);
    return true;
  } catch {
    return false;
  }
}

function guardedOf(prototype: object): object {
  if (lastSeen?.prototype === prototype) return lastSeen.guarded;
  let guarded = guardedPrototypes.get(prototype);
  if (guarded === undefined) {
    guarded = guardedPrototype(prototype);
    guardedPrototypes.set(prototype, guarded);
    guardedPrototypes.set(guarded, guarded);
  }
  lastSeen = { prototype, guarded };
  return guarded;
}

function guardedPrototype(prototype: object): object {
  const guarded: object = Object.create(prototype);
  for (const name of READERS) {
    const read: unknown = Reflect.get(prototype, name);
    // A reader of the body takes no arguments.
    const method = read as (this: BodyHolder) => unknown;
    if (typeof read === "function") hide(guarded, name, { value: reader(method, name) });
  }
  const clone: unknown = Reflect.get(prototype, "clone");
  if (typeof clone === "function") {
    hide(guarded, "clone", {
      value(this: object): unknown {
        if (!Held.has(this)) return Reflect.apply(clone, this, []);
        const call = Held.callUnlessLocked(this);
        if (call === null) throw lockedError("copied");
        const copy: unknown = Reflect.apply(clone, this, []);
        Held.unwatch(this);
        if (typeof copy === "object" && copy !== null && guardBody(copy, call)) call.shared();
        return copy;
      },
    });
  }
  hide(guarded, "body", {
    get(this: object): unknown {
      const body: unknown = Reflect.get(prototype, "body", this);
      return body instanceof ReadableStream && Held.has(this) ? Held.watched(this, body) : body;
    },
  });
  return guarded;
}

const hide = (object: object, name: string, descriptor: PropertyDescriptor): void => {
  Object.defineProperty(object, name, { ...descriptor, configurable: true });
};

const lockedError = (what: string): TypeError =>
  new TypeError(`Cannot be ${what}: the body is locked by a reader`);

/** The method that reads a whole body, watched. */
function reader(read: (this: BodyHolder) => unknown, name: string): (this: BodyHolder) => unknown {
  return function (this: BodyHolder): unknown {
    // One that was read before is refused by the method itself, which says nothing of the dependency.
    if (!Held.has(this) || this.bodyUsed) return read.call(this);
    const call = Held.callUnlessLocked(this);
    if (call === null) return Promise.reject(lockedError("read"));
    call.reads();
    const reading = read.call(this);
    if (!(reading instanceof Promise)) return reading;
    return reading.then(
      (value: unknown) => {
        call.ended();
        return value;
      },
      (error: unknown) => {
        if (isMisread(name, error)) call.ended();
        else call.broke(error);
        throw error;
      },
    );
  };
}

/**
 * A stream of the same chunks, which takes its source only when it is read. It is a byte stream when its source is one:
 * such a stream takes the memory of each chunk for itself, and the chunks of another kind are not its own to take.
 */
function watch(watching: Watching): ReadableStream<Uint8Array> {
  const cancel = (reason: unknown) => watching.cancel(reason);
  if (!isByteStream(watching.source)) {
    return new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const step = await watching.next();
          if (step.done) controller.close();
          else controller.enqueue(step.value);
        },
        cancel,
      },
      { highWaterMark: 0 },
    );
  }
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      let step = await watching.next();
      while (!step.done && step.value.byteLength === 0) step = await watching.next();
      if (!step.done) {
        controller.enqueue(step.value);
        return;
      }
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel,
  });
}

/** Whether the chunks of a stream may be taken apart: only such a stream has a reader with a buffer of its own. */
function isByteStream(source: ReadableStream<Uint8Array>): boolean {
  try {
    source.getReader({ mode: "byob" }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

type Step = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>>;

/** One reading of a body, from which its call learns how it ended. */
class Watching {
  readonly source: ReadableStream<Uint8Array>;
  /** Held while somebody may read: undici cancels the body of a response that was collected, as if it had ended. */
  readonly response: object;
  readonly #call: HttpCall;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #cancelled = false;

  constructor(source: ReadableStream<Uint8Array>, call: HttpCall, response: object) {
    this.source = source;
    this.response = response;
    this.#call = call;
  }

  async next(): Promise<Step> {
    if (this.#reader === undefined) {
      this.#call.reads();
      this.#reader = this.source.getReader();
    }
    try {
      const step = await this.#reader.read();
      // A read that a cancellation ended says nothing of the body.
      if (step.done && !this.#cancelled) this.#call.ended();
      return step;
    } catch (error) {
      this.#call.broke(error);
      throw error;
    }
  }

  async cancel(reason: unknown): Promise<void> {
    this.#cancelled = true;
    if (this.#reader === undefined) this.#call.unwanted();
    else this.#call.abandoned();
    await (this.#reader ?? this.source).cancel(reason);
  }
}
