import process from "node:process";
import type { Answer } from "../../cluster/operation.ts";
import { isHeld, keyOf, nameOf } from "../../cluster/record.ts";
import { printable } from "../../events/printable.ts";
import { EXIT, type Given } from "../command-line.ts";
import { print } from "../print.ts";
import { auditText, inOrder, moment, type Shown, shownOf, statusText } from "./cluster-text.ts";
import { type GivenOperation, givenOperation } from "./given-operation.ts";
import { Operator, OperatorError } from "./operator.ts";

/** More than the script keeps, which Redis cuts at about a thousand. */
const WHOLE_AUDIT = 10_000;

/** Runs `telltale cluster`; the exit code. */
export async function operate(given: Given, operands: readonly string[]): Promise<number> {
  const asked = givenOperation(given, operands);
  try {
    const operator = await Operator.connect(asked.place);
    try {
      return await act(operator, asked);
    } finally {
      operator.close();
    }
  } catch (thrown) {
    if (!(thrown instanceof OperatorError)) throw thrown;
    process.stderr.write(`${thrown.message}\n`);
    return EXIT.failed;
  }
}

async function act(operator: Operator, asked: GivenOperation): Promise<number> {
  switch (asked.verb) {
    case "status":
      return status(operator, asked);
    case "audit":
      return audit(operator, asked);
    case "force-open":
    case "reset":
      return change(operator, asked);
  }
}

async function status(operator: Operator, asked: GivenOperation): Promise<number> {
  const { names, format, place } = asked;
  const { at, entries = [] } = await operator.all(asked.by);
  const all = entries
    .map(([key, record]) => shownOf(key, record, at))
    .filter((one) => one !== null);
  const shown = inOrder(all.filter(({ name }) => names.length === 0 || names.includes(name)));
  const unknown = names.filter((name) => !shown.some((one) => one.name === name));
  if (format === "json") {
    await print(
      `${JSON.stringify({ namespace: place.namespace, atMs: at, known: shown, unknown }, null, 2)}\n`,
    );
    return EXIT.done;
  }
  const lines = unknown.map(
    (name) => `${printable(name)}: never opened, forced or reset for the fleet\n`,
  );
  const table = shown.length > 0 || names.length === 0 ? statusText(shown, place.namespace) : "";
  await print(table + lines.join(""));
  return EXIT.done;
}

async function audit(operator: Operator, { names, limit, format, place }: GivenOperation) {
  // Of some breakers the newest may lie behind many of others.
  const all = await operator.audit(names.length === 0 ? limit : WHOLE_AUDIT);
  const entries = all
    .filter(({ key }) => names.length === 0 || names.includes(nameOf(key).name))
    .slice(0, limit);
  await print(
    format === "json"
      ? `${JSON.stringify(
          entries.map(({ key, ...entry }) => ({ breaker: nameOf(key).name, ...entry })),
          null,
          2,
        )}\n`
      : auditText(entries, { namespace: place.namespace, names }),
  );
  return EXIT.done;
}

/** One breaker after the other, so that each is done and told, or is not. */
async function change(operator: Operator, asked: GivenOperation): Promise<number> {
  const { verb, names, by, why, forMs, format } = asked;
  const done: { readonly outcome: Answer["outcome"]; readonly shown: Shown }[] = [];
  let failed = false;
  for (const name of names) {
    const wish = { name, by, why };
    const answer = await (verb === "reset"
      ? operator.reset(wish)
      : operator.forceOpen(wish, forMs));
    const { outcome, record, at } = answer;
    const shown = record === undefined ? null : shownOf(keyOf("breaker", name), record, at);
    const did =
      outcome === "written" || (outcome === "held" && record !== undefined && isHeld(record));
    if (!did || shown === null) {
      failed = true;
      process.stderr.write(`Cannot ${verb} ${printable(name)}: ${refusalOf(outcome)}\n`);
      continue;
    }
    done.push({ outcome, shown });
    if (format === "text") await print(`${changeText(outcome, shown)}\n`);
  }
  if (format === "json") {
    const told = done.map(({ outcome, shown }) => ({ outcome, ...shown }));
    await print(`${JSON.stringify(told, null, 2)}\n`);
  }
  return failed ? EXIT.failed : EXIT.done;
}

function changeText(outcome: Answer["outcome"], shown: Shown): string {
  const { state, untilAtMs, by, why, epoch } = shown;
  const name = printable(shown.name);
  if (state === "closed") return `${name} is reset for the fleet, by ${by}; epoch ${epoch}`;
  const until = untilAtMs === null ? "until a reset" : `until ${moment(untilAtMs)}`;
  const already = outcome === "held" ? "was forced open already" : "is forced open for the fleet";
  return `${name} ${already}, ${until}, by ${printable(by)}: ${printable(why)}`;
}

function refusalOf(outcome: Answer["outcome"]): string {
  switch (outcome) {
    case "stale":
      return "somebody reset it in this moment; look at its status, and try again";
    case "future":
      return "what the store holds is of days to come: its clock was set back";
    default:
      return `the store answered "${outcome}"`;
  }
}
