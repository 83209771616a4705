/** A logger that says when its level changes, as pino does. */
export interface LevelSource {
  on?(event: "level-change", listener: () => void): unknown;
  removeListener?(event: "level-change", listener: () => void): unknown;
}

interface Watch {
  readonly listeners: Set<() => void>;
  readonly stop: () => void;
}

const watches = new WeakMap<LevelSource, Watch>();

/**
 * Calls the listener at each change of the logger's level; returns a function that ends it. A logger of many breakers
 * gets one `level-change` listener in all: Node warns of a leak from the eleventh on.
 */
export function watchLevel(logger: LevelSource, listener: () => void): () => void {
  const watch = watches.get(logger) ?? startWatch(logger);
  watch.listeners.add(listener);
  return () => {
    watch.listeners.delete(listener);
    if (watch.listeners.size > 0 || watches.get(logger) !== watch) return;
    watches.delete(logger);
    watch.stop();
  };
}

function startWatch(logger: LevelSource): Watch {
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of [...listeners]) listener();
  };
  const speaks = typeof logger.on === "function" && typeof logger.removeListener === "function";
  if (speaks) logger.on?.("level-change", changed);
  const watch = {
    listeners,
    stop: () => {
      if (speaks) logger.removeListener?.("level-change", changed);
    },
  };
  watches.set(logger, watch);
  return watch;
}
