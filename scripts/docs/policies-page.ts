import { readFileSync } from "node:fs";
import { type DeclaredOption, declaredOptions } from "./declared-options.ts";

/** Options that one table lists: the interfaces that declare them, by file. */
interface Table {
  readonly of: readonly (readonly [file: string, name: string])[];
  /** What to say of options whose declarations say nothing. */
  readonly said?: Readonly<Record<string, Partial<DeclaredOption>>>;
}

const policies = (file: string): string => `src/policies/${file}.ts`;
const http = (file: string): string => `src/http/${file}.ts`;
const FALLBACK = policies("fallback-options");

const FALLBACK_OPTIONS: Table = {
  of: [
    [FALLBACK, "FailClosedOptions"],
    [FALLBACK, "FailOpenValueOptions"],
    [FALLBACK, "FailOpenRunOptions"],
    [FALLBACK, "CommonOptions"],
  ],
  said: {
    fail: {
      type: '"closed" | "open"',
      meaning:
        'What becomes of a call when no last good result is young enough: with `"closed"` it fails, with `"open"` `value` or `run` stands in.',
    },
    value: {
      meaning: "Served when no last good result can be.",
      byDefault: 'required with `fail: "open"`, unless `run` is given',
    },
    run: { byDefault: 'required with `fail: "open"`, unless `value` is given' },
    cache: {
      meaning: "The last good results; [below](#cache-of-a-fallback).",
      byDefault: 'required with `fail: "closed"`, else none',
    },
    serveOn: { byDefault: "each as [below](#serveon-of-a-fallback)" },
  },
};

/** docs/policies.md, made from the doc comments of the options. */
export function policiesPage(): string {
  return `${[
    "# Options of the policies and of guardFetch",
    "",
    "Made from the doc comments in `src/policies` and `src/http` by `npm run docs`; do not edit. How policies work together",
    "is in the [README](../README.md#retry-timeout-fallback-bulkhead), and why they are as they are in",
    "[decision 5](decisions/0005-policies.md). Options of breakers are in the [README](../README.md#options).",
    "",
    "An option of the wrong type or outside its range, and a key that is not listed, throws when the policy is made. Durations",
    "are in milliseconds.",
    "",
    "## Every policy",
    "",
    "`retry`, `timeout` and `fallback` are made as `retry(name, options)` and take these besides their own; `bulkhead(breaker,",
    "options)` takes them but for `bus`, since its refusals are told by its breaker.",
    "",
    ...table({ of: [[policies("policy-host"), "PolicyOptions"]] }),
    "",
    "## One call",
    "",
    "What `call(fn, options)` and `execute(fn, options)` of a policy or a pipeline take.",
    "",
    ...table({
      of: [[policies("call-scope"), "PolicyCallOptions"]],
      said: {
        signal: { byDefault: "none" },
        context: { byDefault: "none" },
        key: { byDefault: "the cache's `key`" },
        idempotent: { byDefault: "what the retry policy says" },
      },
    }),
    "",
    "## retry",
    "",
    ...table({
      of: [[policies("retry-options"), "RetryOptions"]],
      said: { shouldRetry: { byDefault: "the defaults that are named here" } },
    }),
    "",
    "### exponentialBackoff",
    "",
    "The option `backoff` of a retry, or `exponentialBackoff(options)`.",
    "",
    ...table({ of: [[policies("backoff"), "ExponentialBackoffOptions"]] }),
    "",
    "### ratioBudget",
    "",
    "`ratioBudget(options)` for the option `budget`: retries as a share of the calls.",
    "",
    ...table({ of: [[policies("retry-budget"), "RatioBudgetOptions"]] }),
    "",
    "### tokenBudget",
    "",
    "`tokenBudget(options)` for the option `budget`: tokens that retries take and successes give back.",
    "",
    ...table({ of: [[policies("retry-budget"), "TokenBudgetOptions"]] }),
    "",
    "## timeout",
    "",
    ...table({ of: [[policies("timeout"), "TimeoutOptions"]] }),
    "",
    "## fallback",
    "",
    ...table(FALLBACK_OPTIONS),
    "",
    "### cache of a fallback",
    "",
    ...table({ of: [[policies("fallback-cache"), "FallbackCacheOptions"]] }),
    "",
    "### serveOn of a fallback",
    "",
    "Which failures it stands in for. A permanent error is never hidden.",
    "",
    ...table({ of: [[FALLBACK, "ServeOn"]] }),
    "",
    "## bulkhead",
    "",
    ...table({ of: [[policies("bulkhead"), "BulkheadOptions"]] }),
    "",
    "### queue of a bulkhead",
    "",
    ...table({ of: [[policies("bulkhead"), "BulkheadQueueOptions"]] }),
    "",
    "## guardFetch",
    "",
    "`guardFetch(fetch, options)` of `telltale/http`.",
    "",
    ...table({
      of: [
        [http("guard-options"), "HttpGuardOptions"],
        [http("guard-fetch"), "GuardFetchOptions"],
      ],
      said: {
        breaker: { byDefault: "those of `registry`" },
        defaults: { byDefault: "those of breakers" },
        nameOf: { byDefault: "`routes` name them" },
      },
    }),
    "",
    "## breakerInterceptor",
    "",
    "`breakerInterceptor(options)` for undici takes the options of [guardFetch](#guardfetch) but for `policy` and `refusal`,",
    "and this one.",
    "",
    ...table({ of: [[http("undici"), "BreakerInterceptorOptions"]] }),
    "",
    "## Answers to refusals",
    "",
    "`refusalResponse(error, options)`, and `expressRefusals`, `fastifyRefusals`, `honoRefusals` and `koaRefusals` with these",
    "options alone.",
    "",
    ...table({ of: [[http("refusal-answer"), "RefusalOptions"]] }),
    "",
    "## healthChecks",
    "",
    ...table({ of: [[http("health"), "HealthOptions"]] }),
  ].join("\n")}\n`;
}

function table({ of, said = {} }: Table): string[] {
  const options = new Map<string, DeclaredOption>();
  for (const [file, name] of of) {
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    for (const option of declaredOptions(source, name)) {
      // Of the ways to fail open and closed, the first that has an option shows it.
      if (!options.has(option.name)) options.set(option.name, { ...option, ...said[option.name] });
    }
  }
  const unknown = Object.keys(said).find((name) => !options.has(name));
  if (unknown !== undefined) throw new Error(`Cannot document ${unknown}: no such option`);
  return [
    "| option | type | default | meaning |",
    "|---|---|---|---|",
    ...[...options.values()].map(row),
  ];
}

function row({ name, type, isRequired, meaning, byDefault }: DeclaredOption): string {
  const held = byDefault ?? (isRequired ? "required" : null);
  if (held === null) throw new Error(`Cannot document ${name}: it has no @default`);
  if (meaning === null) throw new Error(`Cannot document ${name}: it has no doc comment`);
  return `| \`${name}\` | \`${cell(type)}\` | ${cell(shown(held))} | ${cell(meaning)} |`;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** What is a number has its thousands apart; what is code looks like it. */
function shown(byDefault: string): string {
  if (/^[\d_]+$/.test(byDefault)) return byDefault.replaceAll("_", " ");
  const isCode = /^(?:true|false|"[^"]*"|\{.*\}|[\w.]+\(\)|Math\.\w+)$/.test(byDefault);
  return isCode ? `\`${byDefault}\`` : byDefault;
}
