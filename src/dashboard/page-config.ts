/** What the page is told when it begins. */
export interface PageConfig {
  readonly title: string;
  readonly sources: readonly {
    readonly name: string;
    /** Relative to the page. */
    readonly url: string;
    /** It is a file, which may be of long ago. */
    readonly isRecord: boolean;
  }[];
  /** Whether operators may act, with a token. */
  readonly hasOperators: boolean;
}

/** The header in which the page sends the token. A form or a link of another site cannot set it. */
export const TOKEN_HEADER = "x-telltale-token";
