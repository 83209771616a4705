export { createFileStore, type FileStoreOptions } from "./file-store.ts";
export { createMemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
export { type Persistence, persist } from "./persist.ts";
export type { PersistOptions, StatePart } from "./persist-options.ts";
export type { StateRow, StateStore, StoreCapabilities } from "./store.ts";
export {
  isStoreError,
  StoreError,
  type StoreErrorCode,
  type StoreFault,
} from "./store-error.ts";
