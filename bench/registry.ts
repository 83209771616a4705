import type { CircuitBreaker } from "../src/index.ts";
import { type Batch, nsPerCall } from "./measure.ts";
import type { Cell, Question } from "./question.ts";
import { telltale } from "./subject.ts";

const NAMES = 500;
const LIMIT = 1_000;
const names = Array.from({ length: NAMES }, (_, n) => `host-${n}.example.com`);

/** Asks for one name after the other; the answers are looked at, so that the engine leaves nothing out. */
function inTurn(ask: (name: string) => CircuitBreaker | undefined): Batch {
  let next = 0;
  return async (count) => {
    let found = 0;
    for (let n = 0; n < count; n++) {
      next = next + 1 === NAMES ? 0 : next + 1;
      if (ask(names[next] ?? "")?.name !== undefined) found++;
    }
    return found;
  };
}

/** Asks for a name that nobody asked for before. */
function everNew(ask: (name: string) => CircuitBreaker): Batch {
  let made = 0;
  return async (count) => {
    let found = 0;
    for (let n = 0; n < count; n++) {
      const name = `new-${made++}`;
      if (ask(name).name === name) found++;
    }
    return found;
  };
}

const cells: readonly Cell[] = [
  {
    id: "registry/map",
    label: "Map.get, 500 names in turn",
    async measure(bench) {
      const { CircuitBreaker } = await telltale(bench);
      const map = new Map(names.map((name) => [name, new CircuitBreaker(name)]));
      return await nsPerCall(
        inTurn((name) => map.get(name)),
        bench.effort,
      );
    },
  },
  {
    id: "registry/one",
    label: "get, the same name",
    async measure(bench) {
      const { BreakerRegistry } = await telltale(bench);
      const registry = new BreakerRegistry();
      return await nsPerCall(
        inTurn(() => registry.get("host")),
        bench.effort,
      );
    },
  },
  {
    id: "registry/get",
    label: "get, 500 names in turn",
    async measure(bench) {
      const { BreakerRegistry } = await telltale(bench);
      const registry = new BreakerRegistry();
      return await nsPerCall(
        inTurn((name) => registry.get(name)),
        bench.effort,
      );
    },
  },
  {
    id: "registry/new",
    label: "get, a new name takes another's place, limit 1 000",
    async measure(bench) {
      const { BreakerRegistry } = await telltale(bench);
      const registry = new BreakerRegistry({ limit: LIMIT });
      return await nsPerCall(
        everNew((name) => registry.get(name)),
        bench.effort,
      );
    },
  },
  {
    id: "registry/full",
    label: "get, a new name, all 1 000 are spared",
    async measure(bench) {
      const { BreakerRegistry } = await telltale(bench);
      const registry = new BreakerRegistry({ limit: LIMIT });
      for (let n = 0; n < LIMIT; n++) registry.get(`open-${n}`).forceOpen();
      return await nsPerCall(
        everNew((name) => registry.get(name)),
        bench.effort,
      );
    },
  },
];

/** What it costs to ask a registry for a breaker. */
export const registryGet: Question = {
  title: "Asking a registry for a breaker",
  unit: "ns",
  reference: "registry/map",
  cells,
};
