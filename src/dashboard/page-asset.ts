import type { LivePage } from "./live-page.ts";

/** Set where this file is bundled into the command: the page as JSON. In the package the build puts it in this place. */
declare const TELLTALE_LIVE_PAGE: string | undefined;

let made: Promise<LivePage> | null = null;

/** The page; from source it is built when it is first asked for. */
export function pageAsset(): Promise<LivePage> {
  made ??= make();
  return made;
}

async function make(): Promise<LivePage> {
  if (typeof TELLTALE_LIVE_PAGE === "string") {
    // Written by the build from exactly this type.
    return JSON.parse(TELLTALE_LIVE_PAGE) as LivePage;
  }
  const { buildPage } = await import("./build-page.ts");
  return (await buildPage()).page;
}
