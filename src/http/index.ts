export type { BreakerSource } from "./breaker-source.ts";
export {
  type FetchResponse,
  type GuardedFetch,
  type GuardedInit,
  type GuardFetchOptions,
  guardFetch,
} from "./guard-fetch.ts";
export type { HttpGuardOptions, RequestContext } from "./guard-options.ts";
export type { ClassifyRequest, FinishedRequest, HttpAnswer } from "./http-outcome.ts";
export { HttpStatusError } from "./http-status-error.ts";
export type { RequestFacts } from "./route-names.ts";
