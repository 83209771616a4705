/** The live page, with all it needs in it. */
export interface PageAsset {
  readonly html: string;
  /** What its policy has to allow: the hashes of its script and of its style, such as `'sha256-…'`. */
  readonly scriptHash: string;
  readonly styleHash: string;
}

/** Set where this file is bundled into the command: the page as JSON. In the package the build puts it in this place. */
declare const TELLTALE_LIVE_PAGE: string | undefined;

let made: Promise<PageAsset> | null = null;

/** The page; from source it is built when it is first asked for. */
export function pageAsset(): Promise<PageAsset> {
  made ??= make();
  return made;
}

async function make(): Promise<PageAsset> {
  if (typeof TELLTALE_LIVE_PAGE === "string") {
    // Written by the build from exactly this type.
    return JSON.parse(TELLTALE_LIVE_PAGE) as PageAsset;
  }
  const { buildPage } = await import("./build-page.ts");
  return (await buildPage()).page;
}
