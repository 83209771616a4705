import type { EventOf } from "./event.ts";

/** A snapshot that could not be used. */
interface Rejected {
  /** Where it came from. */
  readonly source: string;
  /** What it should have been restored to; null when it does not even say that. */
  readonly subject: string | null;
  readonly code: string;
  readonly path: string;
}

/** The report that a snapshot could not be used, and nothing of it was. */
export function snapshotRejected(
  { source, subject, code, path }: Rejected,
  told: { readonly atMs: number; readonly instance: string | undefined },
): EventOf<"state.rejected"> {
  const { atMs, instance } = told;
  const envelope = { type: "state.rejected", v: 1, atMs } as const;
  const fields = { source, subject, code, path };
  return Object.freeze(
    instance === undefined ? { ...envelope, ...fields } : { ...envelope, instance, ...fields },
  );
}
