import fc, { type Arbitrary } from "fast-check";

// What random plans are made of.

export const weighted = <T>(...of: readonly (readonly [number, T])[]): Arbitrary<T> =>
  fc.oneof(...of.map(([weight, value]) => ({ weight, arbitrary: fc.constant(value) })));

export const mixed = <T>(...of: readonly (readonly [number, Arbitrary<T>])[]): Arbitrary<T> =>
  fc.oneof(...of.map(([weight, arbitrary]) => ({ weight, arbitrary })));

export const flag = fc.boolean();
export const rarely = weighted([7, false], [1, true]);
