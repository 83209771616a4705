import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { record } from "../report/recorded.ts";
import { EVIL, type OpenedPage, openPage, startBrowser, writePage } from "../support/browser.ts";
import { describeWith } from "../support/programs.ts";
import { recordedNight } from "../support/recorded-outage.ts";

describeWith("chromium")("the page of telltale report in a browser", () => {
  let folder: string;
  let browser: Browser;
  let night: string;
  let hostile: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "telltale-page-"));
    night = await writePage("report", join(folder, "night.log"), await recordedNight());
    const recorded = record({ instance: EVIL });
    const breaker = recorded.breaker(EVIL, { attributes: { tag: EVIL } });
    await breaker.execute(() => Promise.reject(Object.assign(new Error(EVIL), { name: EVIL })));
    breaker.forceOpen(EVIL);
    hostile = await writePage("report", join(folder, "hostile.log"), recorded.lines);
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  const opened = (url: string, colorScheme: "light" | "dark" = "light"): Promise<OpenedPage> =>
    openPage(browser, url, {
      ...{ shows: "#chart-0 svg", colorScheme },
      viewport: { width: 1200, height: 1400 },
    });

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
