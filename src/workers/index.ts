export type {
  DurableContext,
  DurableStorage,
  KvList,
  KvNamespace,
  Lifetime,
  SqlStorage,
} from "./cloudflare.ts";
export type { OwnerConnectionOptions } from "./connect-options.ts";
export { connectOwner, type OwnerConnection, type RequestScope } from "./connect-owner.ts";
export { createDurableObjectStore } from "./durable-object-store.ts";
export { createKvStore, type KvStoreOptions } from "./kv-store.ts";
export type { OwnedCallOptions } from "./owned-call-options.ts";
export { OwnedProvider } from "./owned-provider.ts";
export type {
  BreakerVerdict,
  DeniedModel,
  Exhausted,
  OwnerAnswer,
  RecordedSpend,
} from "./owner-answer.ts";
export { type ObjectBase, type OwnerClass, type OwnerMethods, ownerClass } from "./owner-class.ts";
export type { OwnerControl, OwnerStatus } from "./owner-control.ts";
export type { ConnectionStats, OwnerNamespace, OwnerStub } from "./owner-link.ts";
export type { OwnerOptions } from "./owner-options.ts";
export type {
  CallbackReport,
  CallReport,
  OwnerRequest,
  QuotaReport,
  SkipReport,
} from "./owner-request.ts";
