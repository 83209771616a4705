// Keys and places are sorted as numbers of 64 bits, which the host does without asking a function for each comparison:
// ten times as fast as a sort of places by their keys. 39 bits for the key leave 0.2 µs of a day.
const PLACE_BITS = 25;
const KEY_UNITS = 2 ** 39;
const LOW_KEY = 2 ** (32 - PLACE_BITS);
const PLACE_MASK = 2 ** PLACE_BITS - 1;
/** Of the two halves of a 64-bit number, as this host stores it. */
const [LOW, HIGH] = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0];

/** The places of the keys in the order of the keys; equal keys keep their order. At most 33 million. */
export function orderOf(keys: Float64Array): Uint32Array {
  const places = Uint32Array.from({ length: keys.length }, (_, place) => place);
  if (rises(keys)) return places;
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  for (const key of keys) {
    if (key < least) least = key;
    if (key > most) most = key;
  }
  const scale = (KEY_UNITS - 1) / (most - least);
  const packed = new BigUint64Array(keys.length);
  const halves = new Uint32Array(packed.buffer);
  for (let place = 0; place < keys.length; place++) {
    const units = Math.floor(((keys[place] ?? 0) - least) * scale);
    halves[2 * place + HIGH] = Math.floor(units / LOW_KEY);
    halves[2 * place + LOW] = (units % LOW_KEY) * 2 ** PLACE_BITS + place;
  }
  packed.sort();
  for (let at = 0; at < places.length; at++) {
    places[at] = (halves[2 * at + LOW] ?? 0) & PLACE_MASK;
  }
  return places;
}

function rises(keys: Float64Array): boolean {
  for (let at = 1; at < keys.length; at++) {
    if ((keys[at] ?? 0) < (keys[at - 1] ?? 0)) return false;
  }
  return true;
}
