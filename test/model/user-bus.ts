import type { EventBus, TelltaleEvent } from "../../src/index.ts";

/** A bus as a user might write it: delivers at once, isolates nobody, and has no version. */
export function userBus(instance: string | undefined): EventBus {
  let listeners: { readonly pattern: string; readonly hear: (event: TelltaleEvent) => void }[] = [];
  const matches = (pattern: string, type: string): boolean =>
    pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1)));
  return {
    ...(instance === undefined ? {} : { instance }),
    emit(event) {
      for (const listener of listeners) {
        if (listeners.includes(listener) && matches(listener.pattern, event.type)) {
          listener.hear(event);
        }
      }
    },
    on(pattern, listener) {
      // The pattern decides which events come, so the listener takes them all.
      const added = { pattern, hear: listener as (event: TelltaleEvent) => void };
      listeners = [...listeners, added];
      return () => {
        listeners = listeners.filter((other) => other !== added);
      };
    },
    has: (type) => listeners.some(({ pattern }) => matches(pattern, type)),
  };
}
