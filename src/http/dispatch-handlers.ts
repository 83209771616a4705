import type { DispatchedCall } from "./dispatched-call.ts";

/** What is used of a handler; every method is passed on, and gets what it is called with. */
export interface DispatchHandler {
  onRequestStart?(controller: never, context: never): void;
  onRequestUpgrade?(controller: never, status: number, headers: never, socket: never): void;
  onResponseStart?(controller: never, status: number, headers: never, message?: string): void;
  onResponseData?(controller: never, chunk: never): void;
  onResponseEnd?(controller: never, trailers: never): void;
  onResponseError?(controller: never, error: Error): void;
  onResponseStarted?(): void;
  onBodySent?(chunk: never): void;
  onRequestSent?(): void;
}

/** A handler as undici 6 has it, and the `fetch` of a Node that is older than the undici beside it. */
export interface OldDispatchHandler {
  onConnect?(abort: (reason?: Error) => void, context?: never): void;
  onUpgrade?(status: number, headers: never, socket: never): void;
  /** `false` pauses. */
  onHeaders?(status: number, headers: never, resume: never, message: string): boolean;
  onData?(chunk: never): boolean;
  onComplete?(trailers: never): void;
  onError?(error: Error): void;
  onResponseStarted?(): void;
  onBodySent?(chunk: never): void;
  onRequestSent?(): void;
}

/** Which shape a handler has; undici knows them by the same method. */
export function isOldHandler(
  handler: DispatchHandler | OldDispatchHandler,
): handler is OldDispatchHandler {
  if ("onRequestStart" in handler && handler.onRequestStart !== undefined) return false;
  return "onConnect" in handler || "onError" in handler;
}

/** Fails a request that was not dispatched; no handler is left waiting. */
export function failUnsent(handler: DispatchHandler | OldDispatchHandler, error: Error): void {
  if (isOldHandler(handler)) {
    if (handler.onError === undefined) throw error;
    handler.onError(error);
    return;
  }
  if (handler.onResponseError === undefined) throw error;
  // Nothing was begun that a controller could pause or abort.
  handler.onResponseError(null as never, error);
}

/** What both shapes have. What a handler throws is a failure of its own, not of the dependency. */
class Guarded<H extends DispatchHandler | OldDispatchHandler> {
  protected readonly handler: H;
  protected readonly call: DispatchedCall;

  constructor(handler: H, call: DispatchedCall) {
    this.handler = handler;
    this.call = call;
  }

  /** Hands on what came. */
  protected handed<T>(on: () => T): T {
    try {
      return on();
    } catch (error) {
      this.call.left();
      throw error;
    }
  }

  onResponseStarted(): void {
    this.handler.onResponseStarted?.();
  }

  onBodySent(chunk: never): void {
    this.handed(() => this.handler.onBodySent?.(chunk));
  }

  onRequestSent(): void {
    this.handed(() => this.handler.onRequestSent?.());
  }
}

/** Tells the call what the handler is told, and then the handler. */
export class GuardedHandler extends Guarded<DispatchHandler> implements DispatchHandler {
  #controller: unknown = null;

  onRequestStart(controller: never, context: never): void {
    this.#controller = controller;
    this.call.begun();
    this.handed(() => this.handler.onRequestStart?.(controller, context));
  }

  onRequestUpgrade(controller: never, status: number, ...rest: [headers: never, socket: never]) {
    this.call.upgraded({ status, headers: rest[0] });
    this.handler.onRequestUpgrade?.(controller, status, ...rest);
  }

  onResponseStart(controller: never, status: number, ...rest: [headers: never, message?: string]) {
    this.call.answered({ status, headers: rest[0] });
    this.handed(() => this.handler.onResponseStart?.(controller, status, ...rest));
  }

  onResponseData(controller: never, chunk: never): void {
    this.handed(() => this.handler.onResponseData?.(controller, chunk));
  }

  onResponseEnd(controller: never, trailers: never): void {
    this.call.ended();
    this.handler.onResponseEnd?.(controller, trailers);
  }

  onResponseError(controller: never, error: Error): void {
    // Only who reads aborts by the controller; what comes from the other side does not.
    if (wasAborted(controller) || wasAborted(this.#controller)) this.call.left();
    this.call.failed(error);
    this.handler.onResponseError?.(controller, error);
  }
}

function wasAborted(controller: unknown): boolean {
  if (typeof controller !== "object" || controller === null) return false;
  return Reflect.get(controller, "aborted") === true;
}

/** The same for a handler of the old shape. */
export class GuardedOldHandler extends Guarded<OldDispatchHandler> implements OldDispatchHandler {
  onConnect(abort: (reason?: Error) => void, context?: never): void {
    this.call.begun();
    const leave = (reason?: Error): void => {
      this.call.left();
      abort(reason);
    };
    this.handed(() => this.handler.onConnect?.(leave, context));
  }

  onUpgrade(status: number, ...rest: [headers: never, socket: never]): void {
    this.call.upgraded(rawAnswer(status, rest[0]));
    this.handler.onUpgrade?.(status, ...rest);
  }

  onHeaders(status: number, ...rest: [headers: never, resume: never, message: string]): boolean {
    this.call.answered(rawAnswer(status, rest[0]));
    return this.handed(() => this.handler.onHeaders?.(status, ...rest) ?? true);
  }

  onData(chunk: never): boolean {
    return this.handed(() => this.handler.onData?.(chunk) ?? true);
  }

  onComplete(trailers: never): void {
    this.call.ended();
    this.handler.onComplete?.(trailers);
  }

  onError(error: Error): void {
    this.call.failed(error);
    this.handler.onError?.(error);
  }
}

/** An answer whose headers are names and values in turn, in bytes. */
function rawAnswer(status: number, raw: unknown): { status: number; readonly headers: object } {
  return {
    status,
    get headers() {
      return headersOf(raw);
    },
  };
}

/** As Node has them; a name that comes twice has an array. */
function headersOf(raw: unknown): object {
  if (!Array.isArray(raw)) return typeof raw === "object" && raw !== null ? raw : {};
  const headers = new Map<string, string | string[]>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = textOf(raw[at]).toLowerCase();
    const value = textOf(raw[at + 1]);
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : [before, value].flat());
  }
  return Object.fromEntries(headers);
}

const textOf = (bytes: unknown): string =>
  bytes instanceof Uint8Array ? String.fromCharCode(...bytes) : String(bytes);
