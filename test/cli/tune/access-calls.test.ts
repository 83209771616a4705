import { expect, test } from "vitest";
import { AccessCalls, type AccessCallsOptions } from "../../../src/cli/tune/access-calls.ts";
import { cellsOf } from "../../../src/cli/tune/access-lines.ts";
import {
  accessMapping,
  momentOf,
  statusWords,
  USUAL_FAILED,
  USUAL_IGNORED,
} from "../../../src/cli/tune/access-mapping.ts";
import { FATE } from "../../../src/cli/tune/call-log.ts";
import { recordingOf } from "../../../src/cli/tune/recording.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";

const AT_MS = Date.parse("2026-11-21T06:00:00Z");

function reader(map: string, options: Partial<AccessCallsOptions> = {}): AccessCalls {
  return new AccessCalls({
    ...{ mapping: accessMapping([map]), format: undefined, isStart: false, breaker: undefined },
    statuses: statusWords(USUAL_FAILED, USUAL_IGNORED),
    ...{ sinceMs: Number.NEGATIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY },
    ...options,
  });
}

function read(
  map: string,
  lines: readonly string[],
  options: Partial<AccessCallsOptions> = {},
): AccessCalls {
  const calls = reader(map, options);
  for (const line of lines) calls.add(line, { file: "access" });
  return calls;
}

/** The calls as `start+duration fate`, in milliseconds from AT_MS. */
const callsOf = (calls: AccessCalls): readonly string[] =>
  calls
    .gathered()
    .flatMap(({ logs }) =>
      logs.flatMap(({ startMs, durationMs, fate }) =>
        [...startMs].map(
          (start, at) => `${Math.round(start - AT_MS)}+${durationMs[at]} ${fate[at]}`,
        ),
      ),
    );

const MAP = "time=ts,duration=took:ms,status=code";
const EXPECTED = [`80+20 ${FATE.ok}`, `50+100 ${FATE.error}`, `190+10 ${FATE.ignored}`];

test.each([
  {
    format: "JSON lines",
    map: MAP,
    lines: [
      '{"ts":"2026-11-21T06:00:00.100Z","took":20,"code":200}',
      '{"ts":"2026-11-21T06:00:00.150Z","took":100,"code":"503"}',
      '{"ts":"2026-11-21T06:00:00.200Z","took":"10","code":499}',
    ],
  },
  {
    format: "JSON lines with objects in one another",
    map: "time=at.ms:ms,duration=res.time:s,status=res.code",
    lines: [
      `{"at":{"ms":${AT_MS + 100}},"res":{"time":0.02,"code":200}}`,
      `{"at":{"ms":${AT_MS + 150}},"res":{"time":0.1,"code":500}}`,
      `{"at.ms":${AT_MS + 200},"res.time":0.01,"res":{"code":499}}`,
    ],
  },
  {
    format: "CSV with quoted cells and a byte order mark's worth of blanks",
    map: MAP,
    lines: [
      "url, ts ,took,code",
      `"/a,""b""",${AT_MS + 100},20,200`,
      `/c,${AT_MS + 150},100,500`,
      `/c,${AT_MS + 200},10,"499"`,
    ],
  },
  {
    format: "TSV",
    map: "time=ts,duration=took:us,status=code",
    lines: [
      "ts\ttook\tcode",
      `${(AT_MS + 100) / 1000}\t20000\tok`,
      `${(AT_MS + 150) / 1000}\t100000\tTimeout`,
      `${(AT_MS + 200) / 1000}\t10000\t499`,
    ],
  },
  {
    format: "the common format with a duration behind it",
    map: "time=time,duration=$1:ns,status=status",
    lines: [
      '10.0.0.1 - - [21/Nov/2026:06:00:00.100 +0000] "GET /a HTTP/1.1" 200 12 20000000',
      '10.0.0.1 - bob [21/Nov/2026:08:00:00.150 +0200] "GET /\\"b\\" HTTP/1.1" 500 - 100000000',
      '10.0.0.1 - - [21/Nov/2026:06:00:00.200 +0000] "GET /a HTTP/1.1" 499 0 10000000',
    ],
  },
  {
    format: "the combined format with a duration at its end",
    map: "time=time,duration=last:s,status=status",
    lines: [
      '10.0.0.1 - - [21/Nov/2026:06:00:00.100 +0000] "GET /a HTTP/1.1" 200 12 "-" "curl 8" 0.020',
      '10.0.0.1 - - [21/Nov/2026:01:00:00.150 -0500] "GET /a HTTP/1.1" 500 12 "-" "a \\"b\\"" "0.1"',
      '10.0.0.1 - - [21/Nov/2026:06:00:00.200 +0000] "GET /a HTTP/1.1" 499 12 "-" "curl 8" x 0.010',
    ],
  },
])("AccessCalls reads $format", ({ map, lines }) => {
  const calls = read(map, lines);
  expect(callsOf(calls)).toEqual(EXPECTED);
  expect(calls.counts.damaged).toBe(0);
});

test("AccessCalls takes times for ends, or for starts when told", () => {
  const line = `{"ts":${AT_MS + 1},"took":30,"code":200}`;
  expect(callsOf(read(MAP, [line]))).toEqual(["-29+30 0"]);
  expect(callsOf(read(MAP, [line], { isStart: true }))).toEqual(["1+30 0"]);
});

test("AccessCalls spreads calls of whole seconds over their seconds, in their order", () => {
  const lines = [0, 0, 1, 0, 1].map((s) => `{"ts":${AT_MS / 1_000 + s},"took":0,"code":200}`);
  const calls = read(MAP, lines);
  expect(callsOf(calls)).toEqual(["167+0 0", "500+0 0", "1250+0 0", "833+0 0", "1750+0 0"]);
  expect(recordingOf(calls).recording.doubts).toEqual([expect.stringContaining("whole seconds")]);
});

test("AccessCalls tells dependencies and processes apart, and chooses", () => {
  const lines = ["api,a", "api,b", "mail,a"].map((names, at) => `${AT_MS + at},5,200,${names}`);
  const map = `${MAP},breaker=to,instance=pod`;
  const all = ["ts,took,code,to,pod", ...lines];
  expect(read(map, all).gathered()).toMatchObject([
    { breaker: "api", logs: [{ length: 1 }, { length: 1 }] },
    { breaker: "mail", logs: [{ length: 1 }] },
  ]);
  const mail = read(map, all, { breaker: "mail" });
  expect(mail.gathered()).toMatchObject([{ breaker: "mail" }]);
  expect(mail.otherBreakers).toEqual(["api"]);
});

test("AccessCalls takes only the time that was asked for", () => {
  const lines = [0, 1_000, 2_000].map((ms) => `{"ts":${AT_MS + ms},"took":0,"code":200}`);
  const span = { sinceMs: AT_MS + 500, untilMs: AT_MS + 1_500 };
  expect(callsOf(read(MAP, lines, span))).toEqual(["1500+0 0"]);
});

test("AccessCalls counts lines that cannot be, and reads on", () => {
  const good = `{"ts":${AT_MS + 1},"took":1,"code":200}`;
  const calls = read(MAP, [
    ...[good, "{", "[1]", "garbage", '{"ts":"yesterday","took":1,"code":200}'],
    ...[`{"ts":${AT_MS},"took":-1,"code":200}`, `{"ts":${AT_MS},"took":1e12,"code":200}`],
    ...[`{"ts":${AT_MS},"took":"-","code":200}`, `{"ts":${AT_MS},"took":1,"code":"-"}`],
    ...[`{"ts":${AT_MS},"took":null,"code":200}`, '{"ts":9e99,"took":1,"code":200}'],
  ]);
  expect(calls.counts).toMatchObject({ lines: 11, used: 1, damaged: 10 });
  expect(calls.impossible).toBe(2);
  expect(recordingOf(calls).recording.doubts).toEqual([
    "10 lines could not be read: calls may be missing.",
    expect.stringContaining("2 lines have a call of less than no time or of more than a day"),
  ]);
});

test("AccessCalls reads the header of each file of its own", () => {
  const calls = reader(MAP);
  calls.add("ts,took,code", { file: "a.csv" });
  calls.add(`${AT_MS + 5},1,200`, { file: "a.csv" });
  calls.add("code,ts,took", { file: "b.csv" });
  calls.add(`500,${AT_MS + 9},2`, { file: "b.csv" });
  expect(callsOf(calls)).toEqual(["4+1 0", "7+2 1"]);
});

test.each([
  [["time,took,code"], 'access has no column "ts", known are time, took, code'],
  [["ts,tooks,code"], 'access has no column "took", did you mean "tooks"?'],
  [["\u0000\u0001 binary"], "must be JSON lines, CSV, TSV or in the common log format"],
  [['{"ts":1,"code":2}', '{"ts":1,"code":2}'], 'of the first, it has no "took"'],
  [['{"ts":"x","took":1,"code":2}'], "a value of it cannot be read"],
])("AccessCalls refuses %j", (lines, message) => {
  const go = () => read(MAP, lines).gathered();
  expect(go).toThrow(UsageError);
  expect(go).toThrow(message);
});

test("AccessCalls may be told the format", () => {
  const lines = ["ts;took;code"];
  expect(() => read(MAP, lines)).toThrow("must be JSON lines");
  expect(() => read(MAP, lines, { format: "csv" })).toThrow('has no column "ts"');
});

test.each([
  ["time=ts", "must name duration"],
  ["time=ts,duration=took,status=code", "duration in --map must have a unit"],
  ["time=ts,duration=took:min,status=code", "duration in --map must have a unit"],
  ["time=ts,duration=took:ms", "must name status"],
  ["tme=ts", 'unknown name "tme", did you mean "time"?'],
  ["time=a,time=b", "must name time once"],
  ["time", "--map must be time=FIELD"],
  ["time=", "--map must be time=FIELD"],
])("accessMapping() refuses %s", (map, message) => {
  expect(() => accessMapping([map])).toThrow(UsageError);
  expect(() => accessMapping([map])).toThrow(message);
});

test("accessMapping() takes several texts, and fields with colons in their names", () => {
  const mapping = accessMapping(["time=a:b:iso", "duration=c:d:us,status=e"]);
  expect(mapping).toMatchObject({ time: "a:b", timeUnit: "iso", duration: "c:d", status: "e" });
});

test.each([
  ["2026-11-21T06:00:00Z", null, 0],
  ["2026-11-21 06:00:00,5", null, 500],
  ["2026-11-21T08:00:00.250+02:00", null, 250],
  ["2026-11-21", "iso", -21_600_000],
  [String(AT_MS / 1_000), null, 0],
  [String(AT_MS / 1_000 + 0.5), null, 500],
  [String(AT_MS), null, 0],
  [`${AT_MS}000`, null, 0],
  [`${AT_MS}000000`, null, 0],
  [String(AT_MS), "ms", 0],
  [`${AT_MS}000`, "us", 0],
  ["21/Nov/2026:06:00:01 +0000", null, 1_000],
  ["21/Nov/2026:06:00:01", "clf", 1_000],
] as const)("momentOf() reads %s as %s", (text, unit, expectedMs) => {
  expect(momentOf(text, unit) - AT_MS).toBeCloseTo(expectedMs, 3);
});

test.each([
  ["soon", null],
  ["", null],
  ["12", "iso"],
  ["1e3", null],
  ["21/Abc/2026:06:00:01 +0000", null],
] as const)("momentOf() knows that %j is no moment", (text, unit) => {
  expect(momentOf(text, unit)).toBeNaN();
});

test("statusWords() takes numbers, ranges and words", () => {
  const { isFailed, isIgnored } = statusWords("500-502,429,bad", "404");
  const failed = ["499", "500", "502", "503", "429", "bad", "good", "429.5"].map(isFailed);
  expect(failed).toEqual([false, true, true, false, true, true, false, false]);
  expect([isIgnored("404"), isIgnored("500")]).toEqual([true, false]);
  expect(() => statusWords("500,", "404")).toThrow(UsageError);
});

test("cellsOf() reads quoted cells as spreadsheets write them", () => {
  expect(cellsOf('a,"b,c","d ""e""",,"f"', "csv")).toEqual(["a", "b,c", 'd "e"', "", "f"]);
  expect(cellsOf('a,"unclosed', "csv")).toEqual(["a", "unclosed"]);
  expect(cellsOf("", "csv")).toEqual([""]);
  expect(cellsOf('a,"b",', "csv")).toEqual(["a", "b", ""]);
});
