import * as client from "@prometheus-io/client";
import { Registry } from "prom-client";
import { expect, test, vi } from "vitest";

// prom-client's successor has to pass what prom-client passes: the same files run once more with its registry in the
// place of prom-client's.
vi.mock("prom-client", () => import("@prometheus-io/client"));

test("the files below get their registries from @prometheus-io/client", async () => {
  const own = await vi.importActual<typeof import("prom-client")>("prom-client");
  expect(Registry).toBe(client.Registry);
  expect(Registry).not.toBe(own.Registry);
});

await import("./prometheus.test.ts");
await import("./prometheus-attach.test.ts");
await import("./prometheus-durations.test.ts");
await import("./prometheus-registry.test.ts");
await import("./prometheus-exemplars.test.ts");
await import("./metrics-attributes.test.ts");
await import("./metrics-parity.test.ts");
await import("./metrics-budget.test.ts");
