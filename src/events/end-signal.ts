import type { Check } from "./check.ts";

/**
 * What is needed of an `AbortSignal` to end something with it. The core is compiled without the types of any host, so
 * it is written out here.
 */
export interface EndSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** @throws {TypeError} when the value is no `AbortSignal` */
export function checkedSignal(check: Check, value: unknown): EndSignal | undefined {
  if (value === undefined) return undefined;
  const allowed = "an AbortSignal";
  if (typeof value !== "object" || value === null) return check.type("signal", allowed, value);
  const methods = ["addEventListener", "removeEventListener"];
  if (
    typeof Reflect.get(value, "aborted") !== "boolean" ||
    methods.some((method) => typeof Reflect.get(value, method) !== "function")
  ) {
    return check.type("signal", allowed, value);
  }
  // It has what the interface asks for.
  return value as EndSignal;
}

/**
 * Ends something with a signal, or earlier by the function that is returned, whichever comes first: once, and without
 * leaving a listener on the signal.
 */
export function endWith(signal: EndSignal | undefined, end: () => void): () => void {
  let over = false;
  const stop = (): void => {
    if (over) return;
    over = true;
    signal?.removeEventListener("abort", stop);
    end();
  };
  if (signal?.aborted === true) stop();
  else signal?.addEventListener("abort", stop);
  return stop;
}
