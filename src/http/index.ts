export type { DashboardOptions, DashboardSource } from "../dashboard/dashboard-options.ts";
export {
  type Dashboard,
  type FetchPageRequest,
  type NodePageRequest,
  serveDashboard,
} from "../dashboard/serve-dashboard.ts";
export {
  type EventEndpoint,
  type EventEndpointOptions,
  serveEvents,
} from "../exporters/sse.ts";
export {
  type ExpressAnswer,
  expressRefusals,
  type FastifyAnswer,
  fastifyRefusals,
  type HonoContext,
  honoRefusals,
  type KoaContext,
  koaRefusals,
  type NodeAnswer,
  refusalResponse,
} from "./answer-refusals.ts";
export type { BreakerSource } from "./breaker-source.ts";
export {
  type FetchResponse,
  type GuardedFetch,
  type GuardedInit,
  type GuardFetchOptions,
  guardFetch,
} from "./guard-fetch.ts";
export type { HttpGuardOptions, RequestContext } from "./guard-options.ts";
export {
  type BreakerHealth,
  type HealthCheck,
  type HealthChecks,
  type HealthOptions,
  type HealthReport,
  type HealthSource,
  healthChecks,
} from "./health.ts";
export {
  type ClassifyRequest,
  classifyHttp,
  type FinishedRequest,
  type HttpAnswer,
} from "./http-outcome.ts";
export { HttpStatusError } from "./http-status-error.ts";
export type { RefusalOptions } from "./refusal-answer.ts";
export type { RequestFacts } from "./route-names.ts";
export {
  type BreakerInterceptorOptions,
  breakerInterceptor,
  type DispatchHandler,
  type DispatchRequest,
  type OldDispatchHandler,
  type UndiciInterceptor,
} from "./undici.ts";
