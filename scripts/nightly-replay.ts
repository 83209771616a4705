// Replays the streams of as many random lives as a night allows, and holds each against the live breaker: 50 000 runs,
// or as many as TELLTALE_MODEL_RUNS says. Fails at the first difference, with the seed and the shrunk schedule.

import process from "node:process";
import { checkReplay, runsFrom, seedFrom } from "../test/model/property.ts";

const RUNS = 50_000;

const { TELLTALE_MODEL_RUNS, TELLTALE_MODEL_SEED } = process.env;
const runs = runsFrom(TELLTALE_MODEL_RUNS, RUNS);
const seed = seedFrom(TELLTALE_MODEL_SEED);
const events = await checkReplay(runs, seed);
console.log(`replay: ${runs} runs, ${events} events compared (seed ${seed})`);
