const made = new WeakSet<object>();

/** Marks an event that a test made wrong on purpose, so that it may be emitted without being of the schema. */
export function forged(event: object): never {
  made.add(event);
  // The compiler would refuse what is wrong with it; strangers on a bus would not.
  return event as never;
}

/** Whether a test said that the event is wrong on purpose. */
export const isForged = (event: object): boolean => made.has(event);
