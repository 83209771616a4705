import fc from "fast-check";
import { expect, test } from "vitest";
import { SseParser, type StreamMessage } from "../../src/dashboard/board/sse-parser.ts";

function parsed(...pieces: string[]) {
  const messages: StreamMessage[] = [];
  const parser = new SseParser((message) => messages.push(message));
  for (const piece of pieces) parser.push(piece);
  return { messages, parser };
}

test("push() takes names, ids, data of several lines, comments and the time to wait", () => {
  const { messages, parser } = parsed(
    ": heartbeat\n\nretry: 1500\nid: a.1\n\nevent: circuit.open\nid: a.2\ndata: one\ndata:two\n\n",
  );
  expect(messages).toEqual([{ name: "circuit.open", data: "one\ntwo" }]);
  expect([parser.lastId, parser.retryMs]).toEqual(["a.2", 1_500]);
});

test.each([
  ["fields that nobody knows", "colour: red\ndata: x\n\n", ["x"]],
  ["a line without a colon", "data\n\n", [""]],
  ["a message without data", "event: circuit.open\n\n", []],
  ["a retry that is no number", "retry: soon\ndata: x\n\n", ["x"]],
  ["an id with a null character", "id: a\0b\ndata: x\n\n", ["x"]],
  ["a message that breaks off", "data: x\n", []],
])("push() takes %s as the standard has it", (_, text, data) => {
  const { messages, parser } = parsed(text);
  expect(messages.map((message) => message.data)).toEqual(data);
  expect([parser.lastId, parser.retryMs]).toEqual(["", null]);
});

test("push() gives the same messages wherever the text is cut, with any line break", () => {
  const text = "event: a\ndata: 1\ndata: 2\n\n: x\n\nid: 7\ndata: \u{1f6a8}\n\ndata: last\n\n";
  const whole = parsed(text).messages;
  const cuts = fc.array(fc.nat(text.length + 20), { maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom("\n", "\r\n", "\r"), cuts, (lineBreak, places) => {
      // What follows ends a return that may be half of a line break.
      const given = `${text.replaceAll("\n", lineBreak)}:`;
      const at = [0, ...places.toSorted((a, b) => a - b), given.length];
      const pieces = at.slice(1).map((to, n) => given.slice(at[n], to));
      expect(parsed(...pieces).messages).toEqual(whole);
    }),
  );
});

test("reset() drops what had come of a message, and keeps the id to come back with", () => {
  const { messages, parser } = parsed("id: 1\ndata: x\n\nid: 2\ndata: half");
  parser.reset();
  parser.push("data: y\n\n");
  expect(messages.map(({ data }) => data)).toEqual(["x", "y"]);
  expect(parser.lastId).toBe("1");
});

test("push() refuses a message that would fill the memory", () => {
  const { parser } = parsed();
  const piece = "x".repeat(1_000_000);
  expect(() => {
    for (let n = 0; n < 20; n++) parser.push(piece);
  }).toThrow("a message has more than 16777216 characters");
});
