import { expect, test } from "vitest";
import type { ClassifyRequest } from "../../src/http/index.ts";
import { begun, breaks, eachGuarded } from "../support/guarded-server.ts";
import { ok } from "../support/loopback.ts";

const { given, guard, calls } = eachGuarded();

test.each([
  { answer: undefined, counted: { success: 1, error: 1 } },
  { answer: "ignored", counted: { success: 1, error: 0 } },
] as const)(
  "option classify is asked about a body that breaks after its lease: $answer",
  async (row) => {
    const { clock, server } = given;
    const { open } = begun(server);
    const asked: unknown[] = [];
    const classify: ClassifyRequest = (request) => {
      if (request.ok) return undefined;
      asked.push(request.error);
      return row.answer;
    };
    const guarded = guard({ classify, bodyLeaseMs: 3_000 });
    const { body } = await guarded(server.url);
    const reader = body?.getReader();
    await reader?.read();
    clock.advance(3_000);
    server.answer = ok;
    // Finds that the time of the first is over.
    await guarded(server.url, { method: "HEAD" });
    breaks(open);
    await expect(reader?.read()).rejects.toThrow("terminated");
    const { success, error } = calls();
    expect({ success: success - 1, error }).toEqual(row.counted);
    expect(asked).toMatchObject([{ message: "terminated" }]);
  },
);

test("option classify is asked once about a body that breaks for two copies", async () => {
  const { open } = begun(given.server);
  const asked: unknown[] = [];
  const response = await guard({
    classify: (request) => {
      if (!request.ok) asked.push(request.error);
      return undefined;
    },
  })(given.server.url);
  const copies = [response.clone().text(), response.text()];
  breaks(open);
  for (const reading of copies) await expect(reading).rejects.toThrow("terminated");
  expect(asked).toHaveLength(1);
  expect(calls()).toMatchObject({ error: 1 });
});
