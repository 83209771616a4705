/** A quota that a task of the fleet marked as exhausted, or cleared. */
export interface QuotaMark {
  readonly provider: string;
  /** How long it is exhausted from now on, in milliseconds; 0 when it is not any more. */
  readonly remainingMs: number;
  readonly note: string;
  readonly origin: string;
}

/** What a cluster uses of an `ExhaustionRegistry`. */
export interface SharedQuota {
  /** Tells of each mark that is made, extended or taken off by hand here; returns a function that ends it. */
  follow(follower: {
    marked(mark: { readonly provider: string; readonly forMs: number }): void;
    cleared(provider: string): void;
  }): () => void;
  /** Does as another task of the fleet has decided, without telling followers. */
  adopt(mark: { readonly provider: string; readonly remainingMs: number }): void;
}

/** What of a cluster the fleet is told of marks by. */
interface MarkTelling {
  markQuota(provider: string, forMs: number): void;
  clearQuota(provider: string): void;
}

/** Tells the fleet of the marks that are made here from now on. What was marked before is no news. */
export function tellMarks(cluster: MarkTelling, quota: SharedQuota | undefined): () => void {
  const follower = {
    marked: ({ provider, forMs }: { readonly provider: string; readonly forMs: number }) =>
      cluster.markQuota(provider, forMs),
    cleared: (provider: string) => cluster.clearQuota(provider),
  };
  return quota?.follow(follower) ?? (() => {});
}

/** Hands on a mark of the fleet. What the user's own functions throw concerns nobody else. */
export function takeMark(
  mark: QuotaMark,
  {
    quota,
    onQuota,
  }: { readonly quota: SharedQuota | undefined } & {
    readonly onQuota: ((mark: QuotaMark) => void) | undefined;
  },
): void {
  for (const take of [() => quota?.adopt(mark), () => onQuota?.(mark)]) {
    try {
      take();
    } catch {
      // It stays as it was here: the mark is in the store, and the next task takes it.
    }
  }
}
