import { type BrowserBundle, bundleForBrowser } from "../../dashboard/browser-bundle.ts";

/** Set where this file is bundled: the script as it is built by `buildPageScript`. */
declare const TELLTALE_REPORT_SCRIPT: string | undefined;

/**
 * The script of the report's page, with the charts' library in it. In the bundle it is a text; from source it is built
 * when it is needed, by what also bundles it.
 */
export async function pageScript(): Promise<string> {
  if (typeof TELLTALE_REPORT_SCRIPT === "string") return TELLTALE_REPORT_SCRIPT;
  return (await buildPageScript()).script;
}

/** Builds the script; `inputs` are the files that went into it. */
export const buildPageScript = (): Promise<BrowserBundle> =>
  bundleForBrowser([new URL("page/main.ts", import.meta.url)]);
