/**
 * The rules whose absence was the cause of known bugs, one switch each. They are always on: the simulation turns them
 * off one by one to prove that it would notice.
 */
export interface Protections {
  /** Evidence of an older epoch is refused. */
  readonly fence: boolean;
  /** A reset keeps the epoch. */
  readonly tombstone: boolean;
  /** Only what is strictly newer is applied. */
  readonly order: boolean;
  /** Forced holds within its epoch: a plain closed does not clear it. */
  readonly stickyForce: boolean;
  /** One probe lease at a time. */
  readonly lease: boolean;
  /** The result of a probe needs the current token. */
  readonly token: boolean;
  /** Adopting a peer's state publishes nothing. */
  readonly silence: boolean;
  /** Epochs have a part of the store's time. */
  readonly timeInEpoch: boolean;
  /** A merge takes the newer record. */
  readonly join: boolean;
}

export const ALL_PROTECTIONS: Protections = Object.freeze({
  fence: true,
  tombstone: true,
  order: true,
  stickyForce: true,
  lease: true,
  token: true,
  silence: true,
  timeInEpoch: true,
  join: true,
});
