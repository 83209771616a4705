/** The live page, with all it needs in it. */
export interface LivePage {
  readonly html: string;
  /** What its policy has to allow: the hashes of its script and of its style, such as `'sha256-…'`. */
  readonly scriptHash: string;
  readonly styleHash: string;
}
