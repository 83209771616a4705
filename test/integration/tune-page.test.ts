import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { callsTo, simulate } from "../cli/tune/simulated.ts";
import { EVIL, type OpenedPage, openPage, startBrowser, writePage } from "../support/browser.ts";
import { describeWith } from "../support/programs.ts";

describeWith("chromium")("the page of telltale tune in a browser", () => {
  let folder: string;
  let browser: Browser;
  let outage: string;
  let hostile: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "telltale-tune-page-"));
    const calls = callsTo((atMs) => ({ durationMs: 10, isError: atMs > 20_000 && atMs < 32_000 }), {
      ...{ perSecond: 30, forMs: 60_000, seed: 1 },
    });
    const { lines } = await simulate(
      calls,
      { failureThreshold: 20, latencyTripMs: 500, cooldownMs: 10_000 },
      { slowMs: 500 },
    );
    outage = await writePage("tune", join(folder, "outage.ndjson"), lines);
    const evil = lines.map((line) => JSON.stringify({ ...JSON.parse(line), breaker: EVIL }));
    hostile = await writePage("tune", join(folder, "hostile.ndjson"), evil);
    browser = await startBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });

  const opened = (url: string, colorScheme: "light" | "dark" = "light"): Promise<OpenedPage> =>
    openPage(browser, url, {
      ...{ shows: "#scatter svg", colorScheme },
      viewport: { width: 1200, height: 1400 },
    });

  const marks = (tab: Page, colour: string): Promise<number> =>
    tab.locator(`#scatter svg path[fill="${colour}"]`).count();

  test("it draws every setting, the front, today's and the best, without an error and without the network", async () => {
    const { tab, faults, requests } = await opened(outage);
    const texts = await tab.locator("#scatter svg text").allTextContents();
    for (const text of ["on the front", "today's", "best", "bad calls let through"]) {
      expect(texts).toContain(text);
    }
    // Each of the two in the legend and on the chart.
    expect([await marks(tab, "#c62f3b"), await marks(tab, "#d98a00")]).toEqual([2, 2]);
    expect(await marks(tab, "#8a94a3")).toBeGreaterThan(20);
    expect(await tab.locator("table.settings tr.today").count()).toBe(1);
    expect(await tab.locator("table.settings tr.best").count()).toBe(1);
    expect(faults).toEqual([]);
    expect(requests).toEqual([outage]);
    await tab.close();
  });

  test("it tells the setting that is under the pointer", async () => {
    const { tab } = await opened(outage);
    const mark = await tab.locator('#scatter svg path[fill="#d98a00"]').last().boundingBox();
    const other = await tab.locator('#scatter svg path[fill="#d98a00"]').first().boundingBox();
    for (const place of [mark, other]) {
      if (place === null) throw new Error("the setting has no place");
      await tab.mouse.move(place.x + place.width / 2, place.y + place.height / 2);
      await tab.waitForTimeout(200);
      if ((await tab.locator(".tip").count()) > 0) break;
    }
    await expect.poll(() => tab.locator(".tip").allTextContents()).not.toEqual([]);
    const [tip] = await tab.locator(".tip").allTextContents();
    expect(tip).toMatch(/^failure.*incidents: .*bad let through: .*good refused: /);
    await tab.close();
  });

  test("it is dark for who wants it dark, and prints in light colours", async () => {
    const { tab, faults } = await opened(outage, "dark");
    expect(await marks(tab, "#f0616b")).toBe(2);
    await tab.evaluate("dispatchEvent(new Event('beforeprint'))");
    expect(await marks(tab, "#c62f3b")).toBe(2);
    const pdf = await tab.pdf({ format: "A4" });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    await tab.evaluate("dispatchEvent(new Event('afterprint'))");
    expect(await marks(tab, "#f0616b")).toBe(2);
    expect(faults).toEqual([]);
    await tab.close();
  });

  test("HTML in the breaker's name stays text", async () => {
    const { tab, faults } = await opened(hostile);
    expect(await tab.locator("h1").textContent()).toBe(`Settings of ${EVIL}`);
    expect(await tab.evaluate("window.evil")).toBeUndefined();
    expect(await tab.locator("img").count()).toBe(0);
    expect(faults).toEqual([]);
    expect(await readFile(new URL(hostile), "utf8")).not.toContain("<img src=x");
    await tab.close();
  });

  test("it fits a phone", async () => {
    const { tab } = await opened(outage);
    await tab.setViewportSize({ width: 390, height: 800 });
    await expect
      .poll(() => tab.evaluate("document.documentElement.scrollWidth"))
      .toBeLessThanOrEqual(390);
    await tab.close();
  });
});
