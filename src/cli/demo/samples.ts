/** One line of a metrics page. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The samples of a metrics page in the Prometheus text format. */
export class Samples {
  readonly #samples: readonly Sample[];

  constructor(text: string) {
    this.#samples = text.split("\n").flatMap((line): Sample[] => {
      const [, name, labels = "", value] = LINE.exec(line) ?? [];
      if (name === undefined) return [];
      const pairs = [...labels.matchAll(LABEL)].map(([, key = "", held = ""]) => [key, held]);
      return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
    });
  }

  /**
   * The sum of the samples that carry these labels, whatever else they carry.
   * @throws {Error} when there is none: a missing series must not read as zero
   */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const found = this.#find(name, labels);
    if (found.length === 0) {
      throw new Error(`Cannot read metrics: no sample of ${name} ${JSON.stringify(labels)}`);
    }
    return found.reduce((sum, { value }) => sum + value, 0);
  }

  /** The value of a label on the sample that is 1, of a gauge which is 1 for exactly one of them. */
  oneHot(name: string, label: string): string {
    return this.#find(name, {}).find(({ value }) => value === 1)?.labels[label] ?? "unknown";
  }

  #find(name: string, labels: Readonly<Record<string, string>>): readonly Sample[] {
    return this.#samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    );
  }
}

/**
 * Scrapes a metrics page.
 * @throws {Error} when it cannot be had
 */
export async function scrape(url: string, signal: AbortSignal): Promise<Samples> {
  const response = await fetch(url, { signal });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot scrape ${url}: status ${response.status}`);
  return new Samples(text);
}
