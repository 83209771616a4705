import fc, { type Arbitrary } from "fast-check";
import type { TelltaleEvent } from "../../src/index.ts";

type Data = Readonly<Record<string, unknown>>;

/** Values that JSON can hold, the ones among them that code trips over more often than by chance. */
const values: Arbitrary<unknown> = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    ...[null, true, "", "closed", "circuit.open", 0, -0, 1, 0.5, -1],
    ...[1e308, -1e308, 5e-324, 8.64e15 + 2, 2 ** 53, Number.MAX_SAFE_INTEGER, "__proto__"],
    ...[[], {}, [null], { length: -1 }, { name: "E", message: "m" }, { name: "E", code: 5 }],
    ...[{ error: 1, latency: 0 }, { error: 1 }, { error: 1, latency: 0.5, more: 1 }, { a: null }],
    ...[JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}')],
  ),
);

const names = (event: TelltaleEvent): Arbitrary<string> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...Object.keys(event)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...[
          "__proto__",
          "constructor",
          "toString",
          "added",
          "prevSeq",
          "suppressed",
          "err",
          "note",
        ],
      ),
    },
    { weight: 1, arbitrary: fc.string() },
  );

/** An object with one more key of its own; `__proto__` is one like any other, as in parsed JSON. */
function withKey(data: Data, key: string, value: unknown): Data {
  return Object.defineProperty({ ...data }, key, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });
}

/** Events of a run of which some keys are gone, added, or hold something else; few of them are still events. */
export const wrongEvents = (events: readonly TelltaleEvent[]): Arbitrary<Data> =>
  fc.constantFrom(...events).chain((event) =>
    fc
      .array(fc.tuple(names(event), fc.option(values, { nil: undefined, freq: 8 })), {
        maxLength: 3,
      })
      .map((changes) =>
        changes.reduce<Data>((data, [name, value]) => {
          if (value !== undefined) return withKey(data, name, value);
          const { [name]: _gone, ...left } = data;
          return left;
        }, event),
      ),
  );
