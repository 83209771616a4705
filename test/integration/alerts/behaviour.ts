/**
 * How the dependency of a service behaves. `near`: it fails until two failures are missing to a trip, and is not called
 * again.
 */
export type Behaviour = "healthy" | "near" | "slow" | "failing";
