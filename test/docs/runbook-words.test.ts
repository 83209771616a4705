import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ALERT_NAMES } from "../../scripts/docs/alert-names.ts";
import { CircuitBreaker } from "../../src/index.ts";
import { readPages } from "../support/runbooks.ts";
import {
  FIELDS,
  isAlertName,
  isEvent,
  isExported,
  isMember,
  isMethod,
  isMetric,
  isOption,
  VALUES,
} from "../support/telltale-words.ts";

const root = new URL("../../", import.meta.url);
const pages = readPages();

/** Words of others: Prometheus, pino, prom-client, Loki, Node, HTTP, and the examples. */
const OF_OTHERS: readonly RegExp[] = [
  /^(checkout|payments|LOG|job|pod|service_name="checkout"|runbook_url|\.type|≥|GAPS)$/,
  /^(increase|time|increase\(\)|time\(\)|registry\.clear\(\)|resetMetrics|circuit_breaker_\.\*)$/,
  // A key of a rule, a key of the incident report.
  /^(for|instances)$/,
  /^(trace|debug|info|warn|critical|warning)$/,
  /^[1-5]\d\d$/,
  /^(ECONNREFUSED|ENOTFOUND|ECONNRESET|TypeError|RangeError|TimeoutError)$/,
  /^\d+[smh]$/,
  /^curl -s localhost:\d+\/metrics \| grep -c circuit_breaker_$/,
];

/** What is written in backticks, and whether there is such a thing. Commands and calls are looked at below. */
function isKnown(word: string): boolean {
  const bare = word.replace(/\(.*\)$/, "");
  return (
    isAlertName(word) ||
    isEvent(word) ||
    isMetric(word) ||
    FIELDS.has(word) ||
    VALUES.has(word) ||
    isExported(bare) ||
    (word !== bare && isMethod(bare)) ||
    (/^[a-z]\w*(\.[a-z]\w*)?$/i.test(word) && isOption(word)) ||
    isPackagePath(word) ||
    OF_OTHERS.some((pattern) => pattern.test(word))
  );
}

function isPackagePath(word: string): boolean {
  if (!/^telltale\//.test(word)) return word.includes("/") && existsSync(new URL(word, root));
  const { exports }: { exports: object } = JSON.parse(
    readFileSync(new URL("package.json", root), "utf8"),
  );
  return Object.hasOwn(exports, `.${word.slice("telltale".length)}`);
}

const words = pages.flatMap(({ file, words: own }) =>
  [...new Set(own)].map((word) => ({ file, word })),
);
const isCommand = (word: string) => /^(telltale|--)/.test(word) && !word.startsWith("telltale/");
const isCall = (word: string) => word.startsWith("breaker.") || word.startsWith("new ");
const isGiven = (word: string) => /^\w+: \{/.test(word);
const isSnippet = (word: string) => /^\w+\(\{.*\}\)$/.test(word);

describe("what stands in backticks", () => {
  const names = words.filter(
    ({ word }) => !isCommand(word) && !isCall(word) && !isGiven(word) && !isSnippet(word),
  );

  test("is something that exists", () => {
    const unknown = names.filter(({ word }) => !isKnown(word));
    expect(unknown).toEqual([]);
  });

  test("would be refused if it did not exist", () => {
    for (const word of [
      "failureTreshold",
      "halfOpen.leaseMS",
      "circuit.opened",
      "skipsSinceOpen",
    ]) {
      expect(isKnown(word), word).toBe(false);
    }
    expect(isKnown("CircuitBreakerOpened")).toBe(false);
    expect(isKnown("circuit_breaker_skip_total")).toBe(false);
  });
});

describe("calls of a breaker", () => {
  const calls = [...new Set(words.map(({ word }) => word).filter(isCall))];

  test.each(calls.filter((word) => word.startsWith("breaker.")))("%s can be made", (word) => {
    const [, member = ""] = /^breaker\.(\w+)/.exec(word) ?? [];
    expect(isMember(member)).toBe(true);
    if (word.includes("...") || /\w+\(name\)/.test(word)) return;
    const run = new Function("breaker", "listener", "forMs", `return ${word};`);
    expect(() => run(new CircuitBreaker("payments"), () => {}, 1_000)).not.toThrow();
  });

  test("what is said of their undoing holds", () => {
    const breaker = new CircuitBreaker("payments");
    breaker.forceOpen("why", { forMs: 600_000 });
    expect(breaker.state).toBe("forced_open");
    breaker.reset("why");
    expect(breaker.state).toBe("closed");
    breaker.disable();
    breaker.reset("why");
    expect(breaker.state).toBe("disabled");
    breaker.enable();
    expect(breaker.state).toBe("closed");
  });
});

describe("options with their values", () => {
  const given = [...new Set(words.map(({ word }) => word).filter(isGiven))];

  test.each(given)("%s is taken by a breaker", (word) => {
    const options = new Function(`return { ${word} };`)();
    expect(() => new CircuitBreaker("payments", options)).not.toThrow();
  });

  test.each([...new Set(words.map(({ word }) => word).filter(isSnippet))])(
    "%s names an export and options",
    (word) => {
      const [, name = "", inner = ""] = /^(\w+)\(\{(.*)\}\)$/.exec(word) ?? [];
      expect(isExported(name)).toBe(true);
      for (const option of inner.split(","))
        expect(isOption(option.split(":")[0]?.trim() ?? "")).toBe(true);
    },
  );
});

describe("commands", () => {
  const all = [...new Set(words.map(({ word }) => word).filter(isCommand))];
  const ofCluster = all.filter((word) => word.startsWith("telltale cluster"));
  const commands = all.filter((word) => !ofCluster.includes(word));
  const help = (...args: readonly string[]) =>
    execFileSync(process.execPath, [new URL("src/cli/main.ts", root).pathname, ...args], {
      encoding: "utf8",
    });
  const known = [...help("--help").matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name]) => name);

  test("are of a form that can be checked", () => {
    for (const command of commands) {
      expect(command).toMatch(/^(telltale alerts )?--[a-z-]+ \S+/);
    }
  });

  // The alerts come with a command of their own; before it is there, nothing can be said of its options.
  describe.skipIf(!known.includes("alerts"))("of telltale alerts", () => {
    test.each(commands)("%s writes rules", (command) => {
      const args = argumentsOf(command.replace(/^telltale alerts /, ""));
      expect(help("alerts", ...args)).toContain("groups:");
    });
  });

  test("of telltale cluster name what it can do, and options that it has", () => {
    expect(ofCluster.length).toBeGreaterThan(1);
    const told = help("cluster", "--help");
    for (const command of ofCluster) {
      const [, , verb, ...rest] = command.split(" ");
      if (verb !== undefined) expect(told).toMatch(new RegExp(`\\b${verb}\\b`));
      for (const option of rest.filter((word) => word.startsWith("--")))
        expect(told).toContain(`  ${option} `);
    }
  });

  test("name alerts that exist", () => {
    for (const command of commands) {
      const [name] = /CircuitBreaker\w+/.exec(command) ?? [];
      if (name !== undefined) expect(ALERT_NAMES).toContain(name);
    }
  });
});

/** The arguments of a command line, without the quotes of the shell. */
function argumentsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}
