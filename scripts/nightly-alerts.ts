// Changes one thing after another in the alerting rules, and holds each change against every scenario of the tests.
// Fails when a change goes unnoticed that is not listed as equivalent, or when one that is listed is noticed after all.

import process from "node:process";
import { listedEquivalents } from "../test/alerts/equivalents.ts";
import { failing, unreadable } from "../test/alerts/kill.ts";
import { mutantsOf } from "../test/alerts/mutants.ts";
import { committedRules, unchangedSlices } from "../test/alerts/rules-document.ts";
import { SCENARIOS } from "../test/alerts/scenarios/all.ts";

const begunMs = performance.now();
const secondsSoFar = (): string => ((performance.now() - begunMs) / 1000).toFixed(0);

const document = committedRules();
// Unchanged, each part has to pass: else a mutant would fail for something else than its change.
const failed = await failing(unchangedSlices(document), SCENARIOS);
if (failed.size > 0) {
  const names = [...failed].flatMap(({ alerts }) => [...alerts]);
  throw new Error(`The rules themselves fail the scenarios: ${[...new Set(names)].join(", ")}`);
}
console.log(`alerts: ${SCENARIOS.length} scenarios pass, ${secondsSoFar()} s`);

const mutants = mutantsOf(document);
const equivalents = new Set(listedEquivalents().flatMap((each) => each.mutants));
const unread = await unreadable(mutants);
const killed = await failing(mutants, SCENARIOS, (judged) => {
  console.log(`alerts: ${judged} of ${mutants.length} mutants, ${secondsSoFar()} s`);
});

const alive = mutants.filter((mutant) => !killed.has(mutant));
const survived = alive.filter(({ id }) => !equivalents.has(id));
const noticed = mutants.filter((mutant) => killed.has(mutant) && equivalents.has(mutant.id));
const score = (killed.size / (mutants.length - (alive.length - survived.length))) * 100;
console.log(
  `alerts: ${killed.size} of ${mutants.length} mutants killed by ${SCENARIOS.length} scenarios, ${alive.length - survived.length} equivalent, ${survived.length} survived: score ${score.toFixed(1)} %, ${secondsSoFar()} s`,
);
tell("cannot be read by promtool", unread);
tell("survived", survived);
tell("are listed as equivalent and are not", noticed);

function tell(what: string, some: readonly { readonly id: string }[]): void {
  if (some.length === 0) return;
  console.error(
    `alerts: ${some.length} mutants ${what}:\n${some.map(({ id }) => `  ${id}`).join("\n")}`,
  );
  process.exitCode = 1;
}
