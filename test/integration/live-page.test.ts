import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listen, service } from "../dashboard/dashboard-server.ts";
import { failTimes, succeed } from "../support/breaker.ts";
import { EVIL, openPage, startBrowser } from "../support/browser.ts";
import { describeWith } from "../support/programs.ts";

/** The page tells by itself, but the machine may be busy. */
const PATIENCE = { timeout: 30_000 };

describeWith("chromium")("the live page in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterAll(() => browser.close());

  const opened = (url: string, options: BrowserContextOptions = {}) =>
    openPage(browser, url, {
      ...{ shows: ".breakers", viewport: { width: 1280, height: 800 } },
      ...options,
    });

  const line = (tab: Page, name: string) => tab.locator(".line", { hasText: name });
  const standing = (tab: Page, name: string) =>
    line(tab, name).getAttribute("data-standing", PATIENCE);
  const soon = <T>(read: () => Promise<T>) => expect.poll(read, PATIENCE);
  const status = (tab: Page) => tab.locator(".connection").getAttribute("data-status", PATIENCE);

  test("an outage is seen from the first failure to the recovery, without the network of anybody else", async () => {
    const { registry, url } = await service();
    const payments = registry.get("payments", { cooldownMs: 60_000 });
    registry.get("search");
    const { tab, faults, requests } = await opened(url);
    await soon(() => tab.locator(".line").count()).toBe(2);
    expect(await standing(tab, "payments")).toBe("closed");
    await failTimes(payments, 3);
    await soon(() => standing(tab, "payments")).toBe("near");
    expect(await line(tab, "payments").locator(".distance").textContent()).toBe("3/5");
    await payments.execute(succeed);
    await soon(() => standing(tab, "payments")).toBe("closed");
    await failTimes(payments, 5);
    await soon(() => standing(tab, "payments")).toBe("open");
    for (let n = 0; n < 40; n++) await payments.execute(succeed);
    await soon(() => line(tab, "payments").locator(".refused").textContent()).toBe("40 refused");
    expect(await line(tab, "payments").locator(".outlook").textContent()).toMatch(
      /^next probe in (?:1 min 00|\d\d) s$/,
    );
    await soon(() => tab.title()).toBe("(1 open) checkout-1");
    expect(await line(tab, "payments").locator("rect.s-open").count()).toBe(1);
    expect(
      await tab.evaluate("getComputedStyle(document.querySelector('.badge')).backgroundColor"),
    ).toBe("rgb(198, 47, 59)");
    expect(await tab.locator('.standings [data-standing="open"] b').textContent()).toBe("1");
    payments.reconfigure({ cooldownMs: 1 });
    payments.reset("seen");
    await failTimes(payments, 5);
    await soon(async () => {
      await payments.execute(succeed);
      return standing(tab, "payments");
    }).toBe("closed");
    await soon(() => tab.locator(".incidents .entries").textContent()).toMatch(
      /payments error, closed by probe after .* refused/,
    );
    await soon(() => tab.locator(".incidents .entries").textContent()).toContain(
      "payments error, closed by reset",
    );
    await soon(() => tab.locator(".figures").textContent()).toMatch(/MTTR \(mean of 1\)/);
    expect(faults).toEqual([]);
    expect(new Set(requests.map((request) => new URL(request).origin)).size).toBe(1);
    await tab.close();
  });

  test("it says when it is stale, comes back by itself, and has what happened meanwhile", async () => {
    const { registry, url, stop, again } = await service();
    const payments = registry.get("payments");
    const { tab } = await opened(url);
    await soon(() => standing(tab, "payments")).toBe("closed");
    expect(await status(tab)).toBe("live");
    await stop();
    await soon(() => status(tab)).toBe("stale");
    expect(await tab.locator(".connection").textContent()).toMatch(
      /^STALE since \d\d:\d\d:\d\d UTC/,
    );
    await soon(() => line(tab, "payments").getAttribute("class")).toContain("stale");
    expect(await line(tab, "payments").locator("rect.unknown").count()).toBe(1);
    payments.forceOpen("while nobody looked");
    await again();
    await tab.locator(".connection button").click();
    await soon(() => status(tab)).toBe("live");
    await soon(() => standing(tab, "payments")).toBe("forced_open");
    await soon(() => tab.locator(".incidents").textContent()).toContain("while nobody looked");
    expect(await line(tab, "payments").locator("rect.unknown").count()).toBe(0);
    await tab.close();
  });

  test("a server whose connection stands but tells nothing is stale as well", async () => {
    const { registry, port } = await service();
    registry.get("payments");
    const page = `http://127.0.0.1:${port}/`;
    let isHanging = false;
    const hung = await listen((request, response) => {
      void fetch(page + (request.url ?? "").slice(1), { headers: { prefer: "readings" } }).then(
        async (answer) => {
          response.writeHead(answer.status, Object.fromEntries(answer.headers));
          const reader = answer.body?.getReader();
          for (;;) {
            // The service is stopped at the end of the test.
            const piece = await reader?.read().catch(() => undefined);
            if (piece === undefined || piece.done) break;
            if (!isHanging) response.write(piece.value);
          }
          response.end();
        },
      );
    });
    const { tab } = await opened(`http://127.0.0.1:${hung.port}/`);
    await soon(() => standing(tab, "payments")).toBe("closed");
    await soon(() => tab.locator(".figures").textContent()).not.toContain("not known");
    isHanging = true;
    await soon(() => status(tab)).toBe("stale");
    await soon(() => tab.locator(".figures").textContent()).toContain("not known");
    await tab.close();
  });

  test("it shows 1 000 breakers, of which only those in sight are in the document", async () => {
    const { registry, url } = await service();
    for (let n = 0; n < 1_000; n++) registry.get(`breaker-${String(n).padStart(4, "0")}`);
    const { tab, faults } = await opened(url);
    await soon(() => tab.locator(".standings button").first().textContent()).toBe("1000 all");
    expect(await tab.locator(".line").count()).toBeLessThan(60);
    for (let n = 0; n < 1_000; n += 10)
      registry.get(`breaker-${String(n).padStart(4, "0")}`).forceOpen();
    await soon(() => tab.locator('.standings [data-standing="forced_open"] b').textContent()).toBe(
      "100",
    );
    await soon(() => tab.locator(".line .name").first().textContent()).toBe("breaker-0000");
    await tab.evaluate("document.querySelector('.breakers').scrollTo(0, 1e9)");
    await soon(() => tab.locator(".line .name").last().textContent()).toBe("breaker-0999");
    await tab.locator("#search").fill("0500");
    await soon(() => tab.locator(".line .name").allTextContents()).toEqual(["breaker-0500"]);
    await tab.locator("#search").fill("");
    await tab.locator('.standings [data-standing="forced_open"]').click();
    await soon(() => tab.locator(".found").textContent()).toBe("100 found");
    expect(faults).toEqual([]);
    await tab.close();
  });

  test("the keyboard does all of it", async () => {
    const { registry, url } = await service();
    for (const name of ["a", "b", "c"]) registry.get(`breaker-${name}`);
    registry.get("breaker-b").forceOpen();
    const { tab } = await opened(url);
    const chosen = () => tab.locator('.line[aria-selected="true"] .name').allTextContents();
    const press = (key: string) => tab.keyboard.press(key);
    await soon(() => tab.locator(".line").count()).toBe(3);
    await press("j");
    await soon(chosen).toEqual(["breaker-b"]);
    expect(await tab.locator(".detail h2").textContent()).toBe("breaker-b");
    const active = tab.locator(".breakers");
    expect(await active.getAttribute("aria-activedescendant")).toBe("line-0");
    await press("ArrowDown");
    await soon(chosen).toEqual(["breaker-a"]);
    await press("End");
    await soon(chosen).toEqual(["breaker-c"]);
    await press("Home");
    await press("k");
    await soon(chosen).toEqual(["breaker-b"]);
    await press("Escape");
    await soon(() => tab.locator(".detail").count()).toBe(0);
    await press("/");
    await tab.keyboard.type("er-c");
    await soon(() => tab.locator(".line").count()).toBe(1);
    await press("ArrowDown");
    await soon(chosen).toEqual(["breaker-c"]);
    await press("Escape");
    await press("Escape");
    await soon(() => tab.locator(".line").count()).toBe(3);
    await press("3");
    await soon(() => tab.locator("aside h2").first().textContent()).toBe("Events");
    await press("?");
    await soon(() => tab.locator(".legend").textContent()).toContain("circuit.open");
    expect(await tab.locator(".legend").textContent()).toContain("circuit opened");
    await press("w");
    await soon(() => tab.locator('.spans [aria-pressed="true"]').textContent()).toBe("1 h");
    await tab.close();
  });

  test("it is dark for who wants it dark, by the system and by hand, and keeps the choice", async () => {
    const { registry, url } = await service();
    registry.get("payments").forceOpen();
    const { tab } = await opened(url, { colorScheme: "dark" });
    const background = () => tab.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(await background()).toBe("rgb(12, 15, 19)");
    await tab.emulateMedia({ colorScheme: "light" });
    await soon(background).toBe("rgb(245, 247, 249)");
    await tab.keyboard.press("t");
    await tab.keyboard.press("t");
    await soon(background).toBe("rgb(12, 15, 19)");
    await tab.reload();
    await soon(background).toBe("rgb(12, 15, 19)");
    await tab.close();
  });

  test("it fits a phone, where one pane is shown at a time", async () => {
    const { registry, url } = await service();
    registry.get("payments-with-a-name-that-is-longer-than-a-phone-is-wide").forceOpen("x");
    const { tab } = await opened(url, { viewport: { width: 360, height: 740 }, isMobile: true });
    await soon(() => tab.locator(".line").count()).toBe(1);
    const width = () => tab.evaluate("document.documentElement.scrollWidth");
    expect(await width()).toBeLessThanOrEqual(360);
    expect(await tab.locator("aside").isVisible()).toBe(false);
    await tab.locator(".line").click();
    await soon(() => tab.locator(".detail").isVisible()).toBe(true);
    expect(await tab.locator(".breakers").isVisible()).toBe(false);
    expect(await width()).toBeLessThanOrEqual(360);
    await tab.locator('.detail [aria-label="Close (Esc)"]').click();
    await tab.locator(".tabs.all-panes button", { hasText: "Incidents" }).click();
    await soon(() => tab.locator(".incidents").isVisible()).toBe(true);
    await tab.locator(".tabs.all-panes button", { hasText: "Breakers" }).click();
    await soon(() => tab.locator(".breakers").isVisible()).toBe(true);
    await tab.close();
  });

  test("HTML and control characters in names, notes and errors stay text", async () => {
    const { registry, url } = await service({ title: EVIL.slice(0, 120) });
    const evil = registry.get(EVIL);
    await evil.execute(() => Promise.reject(Object.assign(new Error(EVIL), { name: EVIL })));
    evil.forceOpen(`${EVIL}\u202e\u0007`);
    registry.get("x".repeat(256)).forceOpen();
    const { tab, faults } = await opened(url);
    await soon(() => tab.locator(".line").count()).toBe(2);
    await line(tab, "</script>").click();
    await soon(() => tab.locator(".detail h2").textContent()).toBe(EVIL);
    await soon(() => tab.locator(".detail .events").textContent()).toContain(EVIL);
    expect(await tab.evaluate("window.evil")).toBeUndefined();
    expect(await tab.locator("img").count()).toBe(0);
    expect(await tab.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(1280);
    expect(faults).toEqual([]);
    await tab.close();
  });

  test("an operator acts with a token and a reason, and cannot without", async () => {
    const { registry, url } = await service({ operators: { alice: "alice-has-a-long-token" } });
    const payments = registry.get("payments");
    const { tab } = await opened(url);
    await line(tab, "payments").click();
    const force = tab.locator(".operator .danger");
    expect(await force.isDisabled()).toBe(true);
    await tab.fill("[name=reason]", "provider is down");
    await tab.fill("[name=token]", "alice-has-a-wrong-one");
    await force.click();
    await soon(() => tab.locator(".operator [role=status]").textContent()).toBe(
      "The token is not one of an operator",
    );
    expect(payments.state).toBe("closed");
    await tab.fill("[name=token]", "alice-has-a-long-token");
    await tab.selectOption("[name=for]", "1800000");
    await force.click();
    await soon(() => standing(tab, "payments")).toBe("forced_open");
    expect(payments.state).toBe("forced_open");
    await soon(() => tab.locator(".detail .events").textContent()).toContain(
      "provider is down (by alice)",
    );
    await tab.fill("[name=reason]", "over");
    await tab.locator(".operator button", { hasText: "Reset" }).click();
    await soon(() => standing(tab, "payments")).toBe("closed");
    await tab.close();
  });

  test("a page of a service that names no operators offers no actions", async () => {
    const { registry, url } = await service();
    registry.get("payments");
    const { tab } = await opened(url);
    await line(tab, "payments").click();
    await soon(() => tab.locator(".detail").count()).toBe(1);
    expect(await tab.locator(".operator").count()).toBe(0);
    await tab.close();
  });

  test("it says what is wrong with what it is told", async () => {
    const { registry, port } = await service();
    registry.get("payments");
    const messages = [
      "event: circuit.open\ndata: {broken\n\n",
      'event: circuit.open\ndata: {"type":"circuit.open","v":2,"atMs":5}\n\n',
      ": nothing\n\nnonsense\n\n",
      `event: snapshot\ndata: ${JSON.stringify({ atMs: Date.now(), breakers: [{ breaker: "odd", state: "open" }, {}] })}\n\n`,
    ];
    const odd = await listen((request, response) => {
      if (request.url?.includes("events") === true) {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(messages.join(""));
      } else {
        void fetch(`http://127.0.0.1:${port}${request.url}`).then(async (answer) => {
          response.writeHead(200, { "content-type": answer.headers.get("content-type") ?? "" });
          response.end(await answer.text());
        });
      }
    });
    const { tab } = await opened(`http://127.0.0.1:${odd.port}/`);
    await soon(() => tab.locator(".doubts").textContent()).toBe(
      "1 damaged messages; 1 events of a later version of telltale, not shown; 1 breakers that the service could not tell of",
    );
    await soon(() => standing(tab, "odd")).toBe("open");
    await tab.close();
  });
});
