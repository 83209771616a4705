/** The calls of one key that are under way, and how often the dependency denied it for good meanwhile. */
export interface Inquiries {
  running: number;
  denied: number;
}

/**
 * Which keys were denied for good while calls of them are under way: a call that began before the denial may end after
 * it, and must not bring back what was denied.
 */
export class Denials {
  readonly #inquiries = new Map<string, Inquiries>();

  begin(key: string): Inquiries {
    const known = this.#inquiries.get(key);
    if (known !== undefined) {
      known.running++;
      return known;
    }
    const first = { running: 1, denied: 0 };
    this.#inquiries.set(key, first);
    return first;
  }

  end(key: string, inquiries: Inquiries): void {
    inquiries.running--;
    if (inquiries.running === 0) this.#inquiries.delete(key);
  }
}
