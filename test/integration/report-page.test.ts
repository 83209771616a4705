import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { record } from "../report/recorded.ts";
import { describeWith, program } from "../support/programs.ts";
import { recordedNight } from "../support/recorded-outage.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const EVIL = `</script><script>window.evil=1</script><img src=x onerror="window.evil=1">'"&`;

describeWith("chromium")("the page of telltale report in a browser", () => {
  let folder: string;
  let browser: Browser;
  let night: string;
  let hostile: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "telltale-page-"));
    night = await page("night", await recordedNight());
    const recorded = record({ instance: EVIL });
    const breaker = recorded.breaker(EVIL, { attributes: { tag: EVIL } });
    await breaker.execute(() => Promise.reject(Object.assign(new Error(EVIL), { name: EVIL })));
    breaker.forceOpen(EVIL);
    hostile = await page("hostile", recorded.lines);
    browser = await chromium.launch({
      executablePath: program("chromium"),
      args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
    });
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  /** Writes a page from lines, and returns its address. */
  async function page(name: string, lines: readonly string[]): Promise<string> {
    const log = join(folder, `${name}.log`);
    const out = join(folder, `${name}.html`);
    await writeFile(log, lines.map((line) => `${line.trimEnd()}\n`).join(""));
    await promisify(execFile)(process.execPath, [MAIN, "report", log, "--out", out]);
    return pathToFileURL(out).href;
  }

  /** Opens a page and gathers what goes wrong in it, and what it asks the network for. */
  async function opened(
    url: string,
    colorScheme: "light" | "dark" = "light",
  ): Promise<{ tab: Page; faults: string[]; requests: string[] }> {
    const tab = await browser.newPage({ colorScheme, viewport: { width: 1200, height: 1400 } });
    const faults: string[] = [];
    const requests: string[] = [];
    tab.on("console", (message) => faults.push(message.text()));
    tab.on("pageerror", (error) => faults.push(error.message));
    tab.on("request", (request) => requests.push(request.url()));
    await tab.goto(url);
    await tab.waitForSelector("#chart-0 svg");
    return { tab, faults, requests };
  }

  const lanes = (tab: Page, colour: string): Promise<number> =>
    tab.locator(`#chart-0 svg path[fill="${colour}"]`).count();

  test("it draws the lanes of each instance without an error and without the network", async () => {
    const { tab, faults, requests } = await opened(night);
    const labels = await tab.locator("#chart-0 svg text").allTextContents();
    for (const instance of ["api-1", "api-2", "api-3", "api-4", "api-5"]) {
      expect(labels).toContain(instance);
    }
    expect(await lanes(tab, "#c62f3b")).toBeGreaterThanOrEqual(7);
    expect(await tab.locator("section.incident").count()).toBe(8);
    expect(faults).toEqual([]);
    expect(requests).toEqual([night]);
    await tab.close();
  });

  test("it zooms by the bar and by Ctrl and the wheel, all panels together", async () => {
    const { tab, faults } = await opened(night);
    const axis = () =>
      tab
        .locator("#chart-0 svg text")
        .allTextContents()
        .then((all) => all.filter((text) => /^\d\d:\d\d/.test(text)).join());
    const before = await axis();
    const chart = await tab.locator("#chart-0").boundingBox();
    if (chart === null) throw new Error("the chart has no place");
    await tab.mouse.move(chart.x + chart.width / 2, chart.y + 100);
    await tab.keyboard.down("Control");
    await tab.mouse.wheel(0, -600);
    await tab.keyboard.up("Control");
    await expect.poll(axis).not.toBe(before);
    const byWheel = await axis();
    const bar = chart.y + chart.height - 19;
    await tab.mouse.move(chart.x + chart.width / 2, bar);
    await tab.mouse.down();
    await tab.mouse.move(chart.x + chart.width / 2 + 160, bar, { steps: 4 });
    await tab.mouse.up();
    await expect.poll(axis).not.toBe(byWheel);
    // The lane of each instance reaches beyond what is shown now, and is still drawn.
    expect(await lanes(tab, "#58b27c")).toBe(5);
    expect(faults).toEqual([]);
    await tab.close();
  });

  test("it tells what is under the pointer", async () => {
    const { tab } = await opened(night);
    const lane = await tab.locator('#chart-0 svg path[fill="#7b4bb7"]').first().boundingBox();
    if (lane === null) throw new Error("the lane has no place");
    await tab.mouse.move(lane.x + lane.width / 2, lane.y + lane.height / 2);
    await expect.poll(() => tab.locator(".tip").allTextContents()).not.toEqual([]);
    const [tip] = await tab.locator(".tip").allTextContents();
    expect(tip).toMatch(/^forced open, .*UTC.*incident /);
    await tab.close();
  });

  test("it is dark for who wants it dark, and changes while it is open without losing the zoom", async () => {
    const { tab, faults } = await opened(night, "dark");
    expect(await lanes(tab, "#f0616b")).toBeGreaterThan(0);
    expect(await lanes(tab, "#c62f3b")).toBe(0);
    const background = () => tab.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(await background()).toBe("rgb(18, 22, 27)");
    await tab.emulateMedia({ colorScheme: "light" });
    await expect.poll(() => lanes(tab, "#c62f3b")).toBeGreaterThan(0);
    expect(await background()).toBe("rgb(245, 247, 249)");
    expect(faults).toEqual([]);
    await tab.close();
  });

  test("it prints in light colours, within the paper", async () => {
    const { tab, faults } = await opened(night, "dark");
    const pdf = await tab.pdf({ format: "A4" });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    expect(pdf.toString("latin1").match(/\/Type \/Page\b/g)?.length).toBeGreaterThan(3);
    await tab.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await lanes(tab, "#c62f3b")).toBeGreaterThan(0);
    expect((await tab.locator("#chart-0 svg").boundingBox())?.width).toBeLessThanOrEqual(700);
    await tab.evaluate("dispatchEvent(new Event('afterprint'))");
    expect(await lanes(tab, "#f0616b")).toBeGreaterThan(0);
    expect((await tab.locator("#chart-0 svg").boundingBox())?.width).toBeGreaterThan(900);
    expect(faults).toEqual([]);
    await tab.close();
  });

  test("HTML in names, errors and notes stays text, in tables, charts and tips", async () => {
    const { tab, faults } = await opened(hostile);
    expect(await tab.locator("section.breaker h2").textContent()).toBe(EVIL);
    expect(await tab.locator(".incident").first().textContent()).toContain(`: ${EVIL}`);
    const lane = await tab.locator('#chart-0 svg path[fill="#7b4bb7"]').first().boundingBox();
    if (lane !== null) await tab.mouse.move(lane.x + 1, lane.y + lane.height / 2);
    expect(await tab.evaluate("window.evil")).toBeUndefined();
    expect(await tab.locator("img").count()).toBe(0);
    expect(faults).toEqual([]);
    expect(await readFile(new URL(hostile), "utf8")).not.toContain("<img src=x");
    await tab.close();
  });

  test("it fits a phone", async () => {
    const { tab } = await opened(night);
    await tab.setViewportSize({ width: 390, height: 800 });
    await expect
      .poll(() => tab.evaluate("document.documentElement.scrollWidth"))
      .toBeLessThanOrEqual(390);
    await tab.close();
  });
});
