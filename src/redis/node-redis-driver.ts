import type { NodeRedisClient, NodeRedisClusterClient } from "./redis-client.ts";
import type { RedisDriver } from "./redis-driver.ts";

/**
 * What a duplicate must not take over: settings that change keys and replies. It must not queue what it cannot send
 * either: what is late has lost its meaning.
 */
const PLAIN = {
  keyPrefix: undefined,
  commandOptions: undefined,
  clientSideCache: undefined,
  emitInvalidate: undefined,
  disableOfflineQueue: true,
  // Two more commands that a user with few rights may not run.
  disableClientInfo: true,
  maintNotifications: "disabled",
} as const;

/** The seam to a client of `redis` for one server. */
export function nodeRedisDriver(client: NodeRedisClient): RedisDriver {
  return {
    command: (_key, args) => client.sendCommand([...args]),
    connection: ({ connectMs, lost }) => {
      const socket = optionOf(client.options, "socket");
      // With a strategy of its own it would come back by itself, deaf to what was said meanwhile.
      const own = { ...socket, connectTimeout: connectMs, reconnectStrategy: false };
      const made = client.duplicate({ ...PLAIN, socket: own });
      made.on("error", lost);
      made.on("end", lost);
      return {
        connect: () => made.connect(),
        command: (_key, args) => made.sendCommand([...args]),
        subscribe: (channel, sharded, listener) =>
          sharded ? made.sSubscribe(channel, listener) : made.subscribe(channel, listener),
        destroy: () => quietly(() => made.destroy()),
      };
    },
  };
}

/** The events by which a cluster client tells that a node is gone or comes back: what was said meanwhile is missed. */
const MISSED = ["error", "node-error", "node-disconnect", "node-reconnecting", "disconnect"];
const MOVED = "sharded-channel-moved-error";

/** The seam to a cluster client of `redis`. */
export function nodeRedisClusterDriver(client: NodeRedisClusterClient): RedisDriver {
  return {
    command: (key, args) => client.sendCommand(key, false, [...args]),
    connection: ({ connectMs, lost }) => {
      // `_options` is the only place where the client keeps them.
      const defaults = optionOf(client, "_options");
      const nodes = optionOf(defaults, "defaults");
      const socket = { ...optionOf(nodes, "socket"), connectTimeout: connectMs };
      const own = { ...nodes, ...PLAIN, socket };
      // One node has everything of ours: the others need no connection.
      const made = client.duplicate({ ...PLAIN, minimizeConnections: true, defaults: own });
      for (const event of [...MISSED, MOVED]) made.on(event, lost);
      return {
        connect: () => made.connect(),
        command: (key, args) => made.sendCommand(key, false, [...args]),
        subscribe: (channel, _sharded, listener) => made.sSubscribe(channel, listener),
        destroy: () => quietly(() => made.destroy()),
      };
    },
  };
}

/** Version 5 throws when there is nothing left to end. */
function quietly(end: () => void): void {
  try {
    end();
  } catch {
    // It has ended already, which is all that was wanted.
  }
}

/** A field that holds options, as far as there are any. */
function optionOf(from: unknown, field: string): object {
  if (typeof from !== "object" || from === null) return {};
  const held: unknown = Reflect.get(from, field);
  return typeof held === "object" && held !== null ? held : {};
}
