import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  BreakerRegistry,
  type BreakerSnapshot,
  CircuitBreaker,
  isSnapshotError,
} from "../../src/index.ts";
import { BOOM, watch } from "../support/breaker.ts";
import type { FakeClock } from "../support/fake-clock.ts";
import { LIVES, lived, RICH } from "../support/snapshots.ts";

const GOLDEN = (name: string) => new URL(`../fixtures/breaker-v1/${name}.json`, import.meta.url);
const names = Object.keys(LIVES);
/** The id of a history is drawn by chance. */
const FIXED_LIFE = "mjuxj2yo-00000000";

const withoutTime = ({ takenAtMs: _, life: __, ...rest }: BreakerSnapshot): string =>
  JSON.stringify(rest);

/** Every number is one that an event can carry. */
function expectSound(value: unknown, path = "stats"): void {
  if (typeof value === "number") {
    if (!(Number.isFinite(value) && value >= 0)) throw new Error(`${path} is ${value}`);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) expectSound(inner, `${path}.${key}`);
  }
}

/** Restores what may be damaged, and says whether it could be used; the breaker has to work after either. */
function survives(clock: FakeClock, damaged: unknown, label: string): boolean {
  const breaker = new CircuitBreaker("payments", { ...RICH, clock });
  breaker.on("circuit.*", () => {});
  const before = withoutTime(breaker.snapshot());
  let used = true;
  try {
    breaker.restore(damaged);
  } catch (error) {
    if (!isSnapshotError(error)) throw new Error(`${label}: ${error}`, { cause: error });
    used = false;
    if (withoutTime(breaker.snapshot()) !== before) throw new Error(`${label}: half applied`);
  }
  const { state, retryAfterMs } = breaker;
  if (state === "open" && !((retryAfterMs ?? 0) <= 86_400_000)) {
    throw new Error(`${label}: waits ${retryAfterMs}`);
  }
  breaker.recordFailure(BOOM, 5);
  breaker.recordSuccess(5);
  const permit = breaker.admit();
  if (permit.ok) permit.failure(BOOM);
  expectSound(breaker.stats, label);
  expectSound(breaker.retryAfterMs ?? 0, label);
  expectSound(breaker.tripProgress, label);
  breaker.enable();
  breaker.reset();
  if (breaker.state !== "closed") throw new Error(`${label}: stays ${breaker.state}`);
  return used;
}

test.each(names)("restore() reads the snapshot of version 1 that is kept as a file: %s", (name) => {
  const { breaker, clock } = lived(name);
  const golden: BreakerSnapshot = JSON.parse(readFileSync(GOLDEN(name), "utf8"));
  expect({ ...breaker.snapshot(), life: FIXED_LIFE }).toEqual(golden);
  const restored = new CircuitBreaker("payments", { ...RICH, clock });
  expect(restored.restore(golden)).toBe(true);
  expect(restored.stats).toEqual(breaker.stats);
  expect(restored.state).toBe(breaker.state);
});

test.each(names)(
  "restore() of a text with any character flipped or cut neither crashes nor half-applies: %s",
  (name) => {
    const { breaker, clock } = lived(name);
    const text = breaker.serialize();
    let refused = 0;
    for (let at = 0; at < text.length; at++) {
      const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << (at % 7)));
      const texts = [
        text.slice(0, at),
        text.slice(0, at) + text.slice(at + 1),
        text.slice(0, at) + flipped + text.slice(at + 1),
      ];
      for (const damaged of texts) if (!survives(clock, damaged, damaged)) refused++;
    }
    expect(refused).toBeGreaterThan(text.length);
  },
  120_000,
);

const NASTY: readonly unknown[] = [
  null,
  undefined,
  true,
  "",
  "x",
  "s9999999999999",
  -1,
  0.5,
  1e308,
  8.64e15,
  Number.MAX_SAFE_INTEGER,
  Number.NaN,
  [],
  {},
  [[]],
  [[1, 2, 3, 4]],
  Array.from({ length: 20_000 }, () => 0),
  JSON.parse('{"__proto__":{"size":1},"constructor":1}'),
  new Proxy(
    {},
    {
      get: () => {
        throw new Error("no");
      },
    },
  ),
];

test.each(names)(
  "restore() of a snapshot with any value swapped for another type neither crashes nor half-applies: %s",
  (name) => {
    const { breaker, clock } = lived(name);
    const swap = (value: unknown, path: string, swapped: (inner: unknown) => unknown): void => {
      for (const [n, nasty] of NASTY.entries()) survives(clock, swapped(nasty), `${path} ${n}`);
      if (typeof value !== "object" || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        swap(inner, `${path}.${key}`, (nasty) =>
          swapped(
            Array.isArray(value)
              ? value.map((one, n) => (String(n) === key ? nasty : one))
              : { ...value, [key]: nasty },
          ),
        );
      }
    };
    swap(JSON.parse(breaker.serialize()), "", (whole) => whole);
  },
  120_000,
);

test("restore() reads own properties only", () => {
  const { breaker, clock } = lived("open");
  const inherited: unknown = Object.create(breaker.snapshot());
  expect(survives(clock, inherited, "inherited")).toBe(false);
  const text = breaker.serialize().replace('"incident":{', '"incident":{"__proto__":{"skips":7},');
  expect(survives(clock, text, "prototype")).toBe(true);
  expect(Reflect.get({}, "skips")).toBeUndefined();
});

test.each([
  ["no JSON", "{", "ERR_SNAPSHOT_JSON", ""],
  ["of something else", '{"kind":"telltale.credit-ledger","v":1}', "ERR_SNAPSHOT_KIND", "kind"],
  ["of a version to come", '{"kind":"telltale.breaker","v":2}', "ERR_SNAPSHOT_VERSION", "v"],
  ["of no version", '{"kind":"telltale.breaker","v":"1"}', "ERR_SNAPSHOT_VERSION", "v"],
  [
    "of a version before the first",
    '{"kind":"telltale.breaker","v":0}',
    "ERR_SNAPSHOT_VERSION",
    "v",
  ],
  ["without its fields", '{"kind":"telltale.breaker","v":1}', "ERR_SNAPSHOT_FORM", "name"],
  ["too long", " ".repeat(16 * 1024 * 1024 + 1), "ERR_SNAPSHOT_SIZE", ""],
  ["no snapshot at all", 5, "ERR_SNAPSHOT_FORM", ""],
])("restore() says what is wrong with a snapshot that is %s", (_, snapshot, code, path) => {
  const { breaker } = watch();
  const thrown = [breaker.restore.bind(breaker), CircuitBreaker.deserialize].map((restore) => {
    try {
      restore(snapshot);
    } catch (error) {
      return error;
    }
    return undefined;
  });
  for (const error of thrown) expect(error).toMatchObject({ name: "SnapshotError", code, path });
});

test("restore() refuses an open breaker without an incident, and a closed one with one", () => {
  const { breaker, clock } = lived("open");
  const open = breaker.snapshot();
  expect(survives(clock, { ...open, incident: null }, "without")).toBe(false);
  expect(survives(clock, { ...open, state: "closed" }, "with")).toBe(false);
});

test("BreakerRegistry.restore() changes nothing when any one row is damaged, wherever it stands", () => {
  const rows = names.map((name, n) => {
    const { breaker } = lived(name);
    return JSON.stringify({ ...breaker.snapshot(), name: `b${n}` });
  });
  for (const [at, row] of rows.entries()) {
    const registry = new BreakerRegistry();
    const told: unknown[] = [];
    registry.on("registry.*", (event) => told.push(event));
    registry.on("circuit.*", (event) => told.push(event));
    registry.get("b0");
    told.length = 0;
    const damaged = rows.with(at, row.replace('"counts":{', '"counts":['));
    expect(() => registry.restore(damaged)).toThrow(`rows[${at}]`);
    expect(registry.size).toBe(1);
    expect(told).toEqual([]);
    expect(registry.get("b0").stats.calls.success).toBe(0);
  }
});
