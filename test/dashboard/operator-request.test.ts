import { request as httpRequest } from "node:http";
import { describe, expect, test } from "vitest";
import { serveDashboard } from "../../src/http/index.ts";
import { CircuitBreaker, type EventOf } from "../../src/index.ts";
import { service } from "./dashboard-server.ts";

const ALICE = "alice-has-a-long-token";
const BOB = "bob-has-a-longer-token-still";
const OPERATORS = { operators: { alice: ALICE, bob: BOB } };

/** What a page sends; `over` takes headers away with undefined, or changes them. */
async function act(
  at: { readonly port: number },
  body: unknown,
  over: Readonly<Record<string, string | undefined>> = {},
  method = "POST",
): Promise<readonly [status: number, message: string]> {
  const given = {
    "content-type": "application/json",
    "x-telltale-token": ALICE,
    origin: `http://127.0.0.1:${at.port}`,
    ...over,
  };
  const headers = Object.fromEntries(
    Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  // fetch() would set an Origin and a Host of its own.
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      { host: "127.0.0.1", port: at.port, path: "/breakers?action", method, headers },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
        });
        response.on("end", () => {
          const told: unknown = JSON.parse(text);
          resolve([response.statusCode ?? 0, String(Reflect.get(Object(told), "message"))]);
        });
      },
    );
    sent.on("error", reject);
    sent.end(typeof body === "string" ? body : JSON.stringify(body));
  });
}

const FORCE = { action: "force_open", breaker: "payments", reason: "provider is down" };
const RESET = { action: "reset", breaker: "payments", reason: "provider is back" };

async function watched(options: Parameters<typeof service>[0] = OPERATORS) {
  const at = await service(options);
  const opens: EventOf<"circuit.open">[] = [];
  const closes: EventOf<"circuit.close">[] = [];
  at.bus.on("circuit.open", (event) => opens.push(event));
  at.bus.on("circuit.close", (event) => closes.push(event));
  return { ...at, breaker: at.registry.get("payments"), opens, closes };
}

describe("an operator", () => {
  test("forces a breaker open and resets it, each told by an event with who and why", async () => {
    const at = await watched();
    expect(await act(at, FORCE)).toEqual([200, "Forced open"]);
    expect(at.breaker.state).toBe("forced_open");
    expect(at.opens).toMatchObject([{ reason: "forced", note: "provider is down (by alice)" }]);
    expect(await act(at, RESET, { "x-telltale-token": BOB })).toEqual([200, "Reset"]);
    expect(at.breaker.state).toBe("closed");
    expect(at.closes).toMatchObject([{ reason: "reset", note: "provider is back (by bob)" }]);
  });

  test("says for how long", async () => {
    const at = await watched();
    await act(at, { ...FORCE, forMs: 90_000 });
    expect(at.opens).toMatchObject([{ cooldownMs: 90_000 }]);
  });

  test("does nothing that no event would tell", async () => {
    const at = await watched();
    expect(await act(at, RESET)).toEqual([409, "It is not open: there is nothing to reset"]);
    await act(at, FORCE);
    expect(await act(at, FORCE)).toEqual([
      409,
      "It is forced open already, for this reason and to this end",
    ]);
    expect(at.opens).toHaveLength(1);
  });

  test("forces open anew what is forced open: another end and another reason, told with who", async () => {
    const at = await watched();
    const changes: EventOf<"circuit.force_changed">[] = [];
    at.bus.on("circuit.force_changed", (event) => changes.push(event));
    await act(at, FORCE);
    const longer = { ...FORCE, reason: "vendor says another 2 h", forMs: 7_200_000 };
    expect(await act(at, longer, { "x-telltale-token": BOB })).toEqual([200, "Forced open anew"]);
    expect(at.opens).toHaveLength(1);
    expect(changes).toMatchObject([
      {
        note: "vendor says another 2 h (by bob)",
        previousNote: "provider is down (by alice)",
        cooldownMs: 7_200_000,
        previousRetryAtMs: null,
      },
    ]);
  });

  test("resets what tripped by itself", async () => {
    const at = await watched();
    for (let n = 0; n < 5; n++) at.breaker.recordFailure(new Error("down"));
    expect(await act(at, RESET)).toEqual([200, "Reset"]);
    expect(at.breaker.state).toBe("closed");
  });
});

describe("nothing is done", () => {
  const untouched = async (
    options: Parameters<typeof service>[0],
    how: (at: Awaited<ReturnType<typeof watched>>) => Promise<readonly [number, string]>,
  ) => {
    const at = await watched(options);
    const answer = await how(at);
    expect(at.opens).toEqual([]);
    expect(at.breaker.state).toBe("closed");
    return answer;
  };

  test("when the service names no operators, whatever token comes", async () => {
    expect(await untouched({}, (at) => act(at, FORCE))).toEqual([
      403,
      "This service allows no actions: it names no operators",
    ]);
  });

  test.each([
    ["a wrong token", { "x-telltale-token": `${ALICE}x` }, 401],
    ["the beginning of a token", { "x-telltale-token": ALICE.slice(0, -1) }, 401],
    ["an empty token", { "x-telltale-token": "" }, 401],
    ["no token", { "x-telltale-token": undefined }, 401],
    ["the page of another site", { origin: "https://evil.example" }, 403],
    ["another port of this machine", { origin: "http://127.0.0.1:1" }, 403],
    ["no origin", { origin: undefined }, 403],
    ["an opaque origin", { origin: "null" }, 403],
    ["another site by the browser's word", { "sec-fetch-site": "cross-site" }, 403],
    ["a sibling site by the browser's word", { "sec-fetch-site": "same-site" }, 403],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["a form that is plain text", { "content-type": "text/plain" }, 415],
  ])("for %s", async (_, headers, status) => {
    const [given] = await untouched(OPERATORS, (at) => act(at, FORCE, headers));
    expect(given).toBe(status);
  });

  test.each([
    ["no JSON", "{", "The body is not JSON"],
    ["no object", "[]", "The body must be an object"],
    ["another action", { ...FORCE, action: "delete" }, 'action must be "force_open" or "reset"'],
    ["no breaker", { ...FORCE, breaker: 5 }, "breaker must be a string"],
    ["no reason", { ...FORCE, reason: "  " }, "reason must be a string of 1 to 400 characters"],
    [
      "too long a reason",
      { ...FORCE, reason: "x".repeat(401) },
      "reason must be a string of 1 to 400 characters",
    ],
    [
      "no time",
      { ...FORCE, forMs: 0 },
      "forMs must be above 0 and at most 604800000, for force_open only",
    ],
    [
      "too long a time",
      { ...FORCE, forMs: 1e12 },
      "forMs must be above 0 and at most 604800000, for force_open only",
    ],
    [
      "a time for a reset",
      { ...RESET, forMs: 5 },
      "forMs must be above 0 and at most 604800000, for force_open only",
    ],
  ])("for %s", async (_, body, message) => {
    expect(await untouched(OPERATORS, (at) => act(at, body))).toEqual([400, message]);
  });

  test("for a breaker that is not there, a body without end, and a GET", async () => {
    expect(await untouched(OPERATORS, (at) => act(at, { ...FORCE, breaker: "x" }))).toEqual([
      404,
      "There is no such breaker any more",
    ]);
    expect(await untouched(OPERATORS, (at) => act(at, "x".repeat(100_000)))).toEqual([
      413,
      "More than 4096 characters",
    ]);
    expect(await untouched(OPERATORS, (at) => act(at, "", {}, "GET"))).toEqual([405, "Use POST"]);
  });

  test("from another machine, unless operatorsFrom says so", async () => {
    const breaker = new CircuitBreaker("payments");
    const body = JSON.stringify(FORCE);
    const ask = async (
      operatorsFrom: "loopback" | "anywhere",
      origin: string,
      origins?: string[],
    ) => {
      const { respond, detach } = serveDashboard(breaker, {
        ...{ ...OPERATORS, operatorsFrom },
        ...(origins === undefined ? {} : { origins }),
      });
      const headers = {
        "content-type": "application/json; charset=utf-8",
        "x-telltale-token": ALICE,
        origin,
        host: "api.internal",
      };
      const url = "https://api.internal/breakers?action";
      const request = new Request(url, { method: "POST", body });
      // A Request of a client drops some of these; that of a server has them.
      const served = {
        method: "POST",
        url,
        text: () => request.text(),
        headers: new Map(Object.entries(headers)),
      };
      const answer = await respond({
        ...served,
        headers: { get: (name: string) => served.headers.get(name) ?? null },
      });
      detach();
      return answer.status;
    };
    expect(await ask("loopback", "https://api.internal")).toBe(403);
    expect(breaker.state).toBe("closed");
    expect(await ask("anywhere", "https://ops.example.com")).toBe(403);
    expect(await ask("anywhere", "https://api.internal", ["https://ops.example.com"])).toBe(403);
    expect(await ask("anywhere", "https://ops.example.com", ["https://ops.example.com"])).toBe(200);
    expect(breaker.state).toBe("forced_open");
    breaker.reset();
    expect(await ask("anywhere", "https://api.internal")).toBe(200);
  });
});
