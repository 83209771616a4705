const FORCED = /* @__PURE__ */ new WeakSet<object>();

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** Remembers what a breaker was forced open for, because it counted as `"permanent"`. */
export function keepPermanent(thrown: unknown): void {
  if (isObject(thrown)) FORCED.add(thrown);
}

/**
 * Whether a breaker of this process was forced open for an error. The cause of a refusal alone does not say it: an
 * operator may have forced open what failed with something else before.
 */
export const hasForcedOpen = (thrown: unknown): boolean => isObject(thrown) && FORCED.has(thrown);
