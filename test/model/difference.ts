/** Stands in an expectation for a text that the contract does not fix. */
export const ANYTHING = Symbol("any text");

/** Matches the incident ids of one breaker with the reference's numbers: each number one id, each id one number. */
export class Incidents {
  readonly #ids = new Map<string, string>();

  agrees(number: string, id: unknown): boolean {
    if (typeof id !== "string") return false;
    const known = this.#ids.get(number);
    if (known !== undefined) return known === id;
    if ([...this.#ids.values()].includes(id)) return false;
    this.#ids.set(number, id);
    return true;
  }
}

type Plain = Readonly<Record<string, unknown>>;

const isPlain = (value: unknown): value is Plain => typeof value === "object" && value !== null;

const shown = (value: unknown): string => {
  try {
    return value === undefined ? "nothing" : String(JSON.stringify(value));
  } catch {
    return "an unprintable value";
  }
};

/**
 * The first place where two pieces of plain data differ, as a sentence; null when there is none. A key that is
 * undefined counts as missing only in the expectation: an event must not carry such a key.
 */
export function difference(
  actual: unknown,
  expected: unknown,
  incidents: Incidents,
  path = "",
): string | null {
  if (expected === ANYTHING && typeof actual === "string" && actual !== "") return null;
  if (Object.is(actual, expected)) return null;
  if (!isPlain(actual) || !isPlain(expected)) {
    return `${path || "it"} is ${shown(actual)}, expected ${shown(expected)}`;
  }
  for (const key of Object.keys(expected)) {
    if (expected[key] !== undefined && !(key in actual)) {
      return `${path}.${key} is missing, expected ${shown(expected[key])}`;
    }
  }
  for (const key of Object.keys(actual)) {
    if (!(key in expected) || expected[key] === undefined) {
      return `${path}.${key} is ${shown(actual[key])}, expected none`;
    }
    const wanted = expected[key];
    if (key === "incidentId" && typeof wanted === "string") {
      if (incidents.agrees(wanted, actual[key])) continue;
      return `${path}.${key} is ${shown(actual[key])}, which is not that of ${wanted}`;
    }
    const found = difference(actual[key], wanted, incidents, `${path}.${key}`);
    if (found !== null) return found;
  }
  return null;
}

/** Whether data is frozen all the way down and holds nothing but plain data. */
export function isFrozenData(value: unknown): boolean {
  if (typeof value === "function" || typeof value === "symbol" || value === undefined) return false;
  if (!isPlain(value)) return true;
  return Object.isFrozen(value) && Object.values(value).every(isFrozenData);
}
