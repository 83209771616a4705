export type { DurableContext, DurableStorage, KvNamespace, Lifetime } from "./cloudflare.ts";
export { createDurableObjectStore } from "./durable-object-store.ts";
export { createKvStore, type KvStoreOptions } from "./kv-store.ts";
