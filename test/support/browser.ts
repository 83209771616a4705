import { writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { program } from "./programs.ts";
import { telltale } from "./telltale-process.ts";

/** A text that sets `window.evil` in a page that takes it for HTML. */
export const EVIL = `</script><script>window.evil=1</script><img src=x onerror="window.evil=1">'"&`;

/** Starts Chromium, which the test's `describeWith` named. */
export const startBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: program("chromium"),
    args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
  });

/** A page in a tab of its own. */
export interface OpenedPage {
  readonly tab: Page;
  /** What went wrong in it. */
  readonly faults: readonly string[];
  /** What it asked for: the page itself first. */
  readonly requests: readonly string[];
}

/** Opens a page, and waits until it shows what `shows` selects. */
export async function openPage(
  browser: Browser,
  url: string,
  { shows, ...options }: BrowserContextOptions & { readonly shows: string },
): Promise<OpenedPage> {
  const tab = await browser.newPage(options);
  const faults: string[] = [];
  const requests: string[] = [];
  tab.on("console", (message) => faults.push(message.text()));
  tab.on("pageerror", (error) => faults.push(error.message));
  tab.on("request", (request) => requests.push(request.url()));
  await tab.goto(url);
  await tab.waitForSelector(shows);
  return { tab, faults, requests };
}

/** Has a command make a page of the lines of a log, and returns the page's address. */
export async function writePage(
  command: "report" | "tune",
  log: string,
  lines: readonly string[],
): Promise<string> {
  const out = `${log}.html`;
  await writeFile(log, lines.map((line) => `${line.trimEnd()}\n`).join(""));
  const { code, stderr } = await telltale([command, log, "--out", out]);
  if (code !== 0) throw new Error(`telltale ${command} ends with ${code}: ${stderr}`);
  return pathToFileURL(out).href;
}
