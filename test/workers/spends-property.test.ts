import fc from "fast-check";
import { expect, test } from "vitest";
import { connectOwner, type OwnerConnection } from "../../src/workers/index.ts";
import { type Fate, OwnerWorld } from "../support/owner-world.ts";

type Step =
  /** An isolate records a spend; another one may record the same, as a request does that a client has repeated. */
  | {
      readonly kind: "spend";
      readonly isolate: number;
      readonly id: number;
      readonly waits: boolean;
    }
  /** What becomes of the next requests. */
  | { readonly kind: "fates"; readonly fates: readonly Fate[] }
  | { readonly kind: "crash" }
  | { readonly kind: "time"; readonly ms: number };

const ISOLATES = 3;
const isolate = fc.nat(ISOLATES - 1);
const fate = fc.constantFrom<Fate>("answered", "lost", "refused", "hangs");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("spend" as const),
      isolate,
      id: fc.nat(30),
      waits: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fates" as const),
      fates: fc.array(fate, { maxLength: 6 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "crash" }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.nat(8_000) }) },
);

/** Each its own price, so that one in the place of another shows. */
const nanoOf = (id: number): number => 2 ** (id % 20) * 1_000 + id;

async function live(steps: readonly Step[]) {
  const world = new OwnerWorld({ breakers: { chat: {} }, ledger: { prices: {} } });
  const { time, namespace, lifetime } = world;
  const isolates = Array.from(
    { length: ISOLATES },
    (): OwnerConnection => connectOwner("openai", { clock: time, timers: time, random: () => 0.5 }),
  );
  const within = (n: number) => isolates[n]?.within({ namespace, lifetime });
  const distinct = new Set<number>();
  for (const one of steps) {
    switch (one.kind) {
      case "spend": {
        const { id } = one;
        distinct.add(id);
        const usd = `0.${String(nanoOf(id)).padStart(9, "0")}`;
        const spend = { provider: "openai", model: "m", usd, id: `call-${id}` };
        const sent = within(one.isolate)?.spend(spend);
        if (one.waits && sent !== undefined) await time.until(sent);
        else await time.pass(0);
        break;
      }
      case "fates":
        world.fates = [...one.fates];
        break;
      case "crash":
        world.crash();
        break;
      case "time":
        await time.pass(one.ms);
    }
  }
  // The owner can be reached again, and everybody has one more request.
  world.fates = [];
  world.crash();
  await time.pass(20_000);
  for (let n = 0; n < ISOLATES; n++) {
    const sent = within(n)?.flush();
    if (sent !== undefined) expect(await time.until(sent)).toBe(true);
  }
  return { spent: world.owner.status().spent, distinct };
}

test("whatever is lost, repeated and crashed, the ledger is the sum of the distinct spends", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const { spent, distinct } = await live(steps);
      const nano = [...distinct].reduce((sum, id) => sum + nanoOf(id), 0);
      expect(spent).toMatchObject({ nano, requests: distinct.size });
    }),
    { numRuns: 120 },
  );
});
