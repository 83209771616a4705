import { exportToOpenTelemetry } from "../../src/exporters/opentelemetry.ts";
import { exportToPrometheus, type PrometheusRegistry } from "../../src/exporters/prometheus.ts";
import {
  type BreakerOverrides,
  BreakerRegistry,
  type BreakerView,
  type CircuitBreaker,
  consecutive,
  createEventBus,
  type EventOf,
  type Reconfiguration,
  type RegistryStats,
  type RegistryView,
  type RemovalReason,
} from "../../src/index.ts";

// Nothing here runs: the compiler is the test. A line under `@ts-expect-error` must not compile, and the compiler
// complains when it does.

/** True when both types are the same, also in what is readonly or optional. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;

declare const registry: BreakerRegistry;
declare const promRegistry: PrometheusRegistry;

export function making(): void {
  new BreakerRegistry();
  new BreakerRegistry({
    defaults: { failureThreshold: 5, clock: { monotonicMs: () => 0, epochMs: () => 0 } },
    overrides: { payments: { latencyTripMs: null, halfOpen: { maxProbes: 2 } } },
    optionsFor: (name) => (name.length > 5 ? { cooldownMs: 5 } : undefined),
    limit: 10,
    spareMs: 1_000,
    instance: "api-1",
  });
  new BreakerRegistry({ bus: createEventBus() });
  // @ts-expect-error the registry has the bus
  new BreakerRegistry({ defaults: { bus: createEventBus() } });
  // @ts-expect-error nothing lies below the defaults that null could mean
  new BreakerRegistry({ defaults: { latencyTripMs: null } });
  // @ts-expect-error the option is called limit
  new BreakerRegistry({ max: 5 });
  // @ts-expect-error a name has options
  new BreakerRegistry({ overrides: { payments: 5 } });
  // @ts-expect-error options come at once
  new BreakerRegistry({ optionsFor: async () => ({ cooldownMs: 5 }) });
}

export function using(): void {
  const breaker: CircuitBreaker = registry.get("payments");
  registry.get("payments", { failureThreshold: 3, trip: consecutive(2), classify: null });
  same<ReturnType<typeof registry.peek>, CircuitBreaker | undefined>(true);
  // @ts-expect-error there may be none
  registry.peek("payments").state;
  same<typeof registry.stats, RegistryStats>(true);
  for (const one of registry) same<typeof one, CircuitBreaker>(true);
  const names: string[] = Array.from(registry, ({ name }) => name);
  void [breaker, names];
  // @ts-expect-error the registry has the bus
  registry.get("payments", { bus: createEventBus() });
  // @ts-expect-error a breaker has a name
  registry.get();
  // @ts-expect-error its counts are readonly
  registry.stats.added = 0;
  // @ts-expect-error and so is its size
  registry.size = 0;

  registry.on("registry.removed", (event) => {
    same<typeof event, EventOf<"registry.removed">>(true);
    same<typeof event.reason, RemovalReason>(true);
    same<typeof event.incidentId, string | undefined>(true);
    // @ts-expect-error it is of the registry, not of the breaker
    event.generation;
  });
  registry.on("registry.*", (event) => {
    // @ts-expect-error not every event of the family says why
    event.reason;
    same<typeof event.breaker, string>(true);
  });
  registry.on("circuit.reconfigure", (event) => {
    // @ts-expect-error what it holds is readonly
    event.from["cooldownMs"] = 0;
  });
  const end: () => void = registry.follow({
    added: (one) => void one.reconfigure({}),
    removed: (one: BreakerView) => void one.name,
  });
  end();
  // @ts-expect-error both are needed
  registry.follow({ added: () => {} });
}

export function reconfiguring(breaker: CircuitBreaker): void {
  breaker.reconfigure({ failureThreshold: 10, latencyTripMs: null });
  registry.reconfigure({ cooldownMs: 5 });
  registry.reconfigure("payments", { cooldownMs: null });
  registry.reconfigure("payments", null);
  // @ts-expect-error the clock stays
  breaker.reconfigure({ clock: { monotonicMs: () => 0, epochMs: () => 0 } });
  // @ts-expect-error and so does chance
  registry.reconfigure({ random: () => 0 });
  // @ts-expect-error and the bus
  registry.reconfigure("payments", { bus: createEventBus() });
  // @ts-expect-error the defaults of all cannot be taken back
  registry.reconfigure(null);
  // @ts-expect-error the option is called cooldownMs
  breaker.reconfigure({ cooldown: 5 });
  const change: Reconfiguration = { degradation: [1, 0.5] };
  const overrides: BreakerOverrides = change;
  void overrides;
  // @ts-expect-error overrides may have a clock, which cannot be changed later
  const back: Reconfiguration = { clock: null };
  void back;
}

export function exporting(view: RegistryView): void {
  exportToPrometheus(registry, promRegistry);
  exportToOpenTelemetry(registry);
  exportToOpenTelemetry(view);
  exportToPrometheus([registry.get("a")], promRegistry);
  // @ts-expect-error one registry at a time
  exportToPrometheus([registry], promRegistry);
  const seen: RegistryView = registry;
  void seen;
}
