/** The calls of one key that are under way, and how often the dependency denied it for good meanwhile. */
interface Inquiries {
  running: number;
  denied: number;
}

/**
 * Which keys were denied for good while calls of them are under way: a call that began before the denial may end after
 * it, and must not bring back what was denied.
 */
export class Denials {
  readonly #inquiries = new Map<string, Inquiries>();

  /** A call begins. What is returned is to be told its end, once, and says whether nobody was denied since. */
  watch(key: string): (isDenied: boolean) => boolean {
    const inquiries = this.#inquiries.get(key) ?? { running: 0, denied: 0 };
    const { denied } = inquiries;
    this.#inquiries.set(key, inquiries);
    inquiries.running++;
    return (isDenied) => {
      if (isDenied) inquiries.denied++;
      inquiries.running--;
      if (inquiries.running === 0) this.#inquiries.delete(key);
      return inquiries.denied === denied;
    };
  }
}
