import type { PhaseName } from "./script.ts";

/** What the demo tells the upstream to do. */
export type ToUpstream =
  | { readonly kind: "enter"; readonly phase: PhaseName }
  /** Answer this many calls with a 500, whatever the phase. */
  | { readonly kind: "fail-next"; readonly calls: number }
  | { readonly kind: "count" };

/** What the upstream answers. */
export type FromUpstream =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "entered"; readonly phase: PhaseName }
  | { readonly kind: "counted"; readonly served: Served };

/** Requests that reached the upstream, by the phase they arrived in. */
export type Served = Readonly<Record<PhaseName, number>>;

/** What the demo tells the service to do: write what its log still holds back. */
export type ToService = { readonly kind: "flush" };

/** What the service answers. */
export type FromService =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "flushed" };

/** How the service is set up; given to its process as one JSON argument. */
export interface ServiceConfig {
  readonly breaker: string;
  readonly upstreamPort: number;
  readonly recording: string;
  readonly failureThreshold: number;
  readonly latencyTripMs: number;
  readonly cooldownMs: number;
}

/** The response header in which the service says what became of its connection to the upstream. */
export const CONNECTION_HEADER = "x-upstream-connection";

/** What became of the connection of one call: `none` when the breaker refused the call. */
export const CONNECTIONS = ["none", "answered", "refused", "reset", "other"] as const;
/** What became of the connection of one call: `none` when the breaker refused the call. */
export type Connection = (typeof CONNECTIONS)[number];
