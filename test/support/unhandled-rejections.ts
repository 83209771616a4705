import { afterEach, beforeEach, vi } from "vitest";

/** Told of each rejection of the test that nobody handled, which then does not end the process. */
export const unhandled = vi.fn();
beforeEach(() => {
  unhandled.mockClear();
  process.on("unhandledRejection", unhandled);
});
afterEach(() => {
  process.off("unhandledRejection", unhandled);
});

/** Until the process has reported the rejections that nobody handled. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
