import { platformTimers } from "../platform.ts";
import type { IoredisClient, IoredisClusterClient } from "./redis-client.ts";
import type { RedisDriver } from "./redis-driver.ts";

/** What a duplicate must not take over: settings that change keys and replies, and everything that waits or repeats. */
const PLAIN = {
  keyPrefix: "",
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  maxRetriesPerRequest: 0,
  retryStrategy: null,
  // One more command that a user with few rights may not run.
  disableClientInfo: true,
} as const;

/** The seam to a client of `ioredis` for one server. */
export function ioredisDriver(client: IoredisClient): RedisDriver {
  return {
    command: (_key, args) => call(client, args),
    connection: ({ connectMs, lost }) => {
      const made = client.duplicate({ ...PLAIN, connectTimeout: connectMs });
      const faults = faultsOf(made);
      made.on("error", lost);
      made.on("end", lost);
      return {
        connect: () => connected(made, faults),
        command: (_key, args) => call(made, args),
        subscribe: (channel, sharded, listener) => {
          made.on(sharded ? "smessage" : "message", (_channel, text) => listener(String(text)));
          return sharded ? made.ssubscribe(channel) : made.subscribe(channel);
        },
        destroy: () => {
          made.disconnect();
          // `disconnect` waits for the other side, which may never answer.
          made.stream?.destroy();
        },
      };
    },
  };
}

/** The events by which a cluster client tells that a node is gone: what was said meanwhile is missed. */
const MISSED = ["error", "end", "close", "-node", "-subscriber"];
const SUBSCRIBER_POLL_MS = 20;

/** The seam to a cluster client of `ioredis`. */
export function ioredisClusterDriver(client: IoredisClusterClient): RedisDriver {
  return {
    command: (_key, args) => call(client, args),
    connection: ({ connectMs, lost }) => {
      const redisOptions = {
        keyPrefix: "",
        connectTimeout: connectMs,
        maxRetriesPerRequest: 0,
        disableClientInfo: true,
      };
      const made = client.duplicate([], {
        keyPrefix: "",
        lazyConnect: true,
        enableOfflineQueue: false,
        enableAutoPipelining: false,
        clusterRetryStrategy: null,
        clusterNodeRetryStrategy: null,
        shardedSubscribers: true,
        redisOptions,
      });
      const faults = faultsOf(made);
      let isOver = false;
      // While it connects it drops the nodes that it began with; that is no loss.
      let isThere = false;
      for (const event of MISSED) {
        made.on(event, () => {
          if (isThere) lost();
        });
      }
      return {
        connect: () => connected(made, faults),
        command: (_key, args) => call(made, args),
        subscribe: async (channel, _sharded, listener) => {
          made.on("smessage", (_channel, text) => listener(String(text)));
          await whenThereIsASubscriber(made, channel, () => isOver);
          isThere = true;
        },
        destroy: () => {
          isOver = true;
          const nodes = made.nodes("all");
          made.disconnect();
          for (const { stream } of nodes) stream?.destroy();
        },
      };
    },
  };
}

/** The subscribers of the nodes are made after the client says that it is ready. */
async function whenThereIsASubscriber(
  client: IoredisClusterClient,
  channel: string,
  isOver: () => boolean,
): Promise<void> {
  for (;;) {
    try {
      await client.ssubscribe(channel);
      return;
    } catch (error) {
      const isEarly = error instanceof Error && /subscriber/i.test(error.message);
      if (isOver() || !isEarly) throw error;
      await new Promise<void>((resolve) => {
        platformTimers.start(resolve, SUBSCRIBER_POLL_MS);
      });
    }
  }
}

function call(client: Pick<IoredisClient, "call">, [name = "", ...args]: readonly string[]) {
  return client.call(name, ...args);
}

/** What a client tells of itself while it connects; what it throws in the end is only that it has ended. */
function faultsOf(client: Pick<IoredisClient, "on">): unknown[] {
  const faults: unknown[] = [];
  client.on("error", (error) => {
    faults[0] = error;
  });
  return faults;
}

async function connected(
  client: { connect(): Promise<unknown> },
  faults: readonly unknown[],
): Promise<void> {
  try {
    await client.connect();
  } catch (error) {
    throw faults[0] ?? error;
  }
}
