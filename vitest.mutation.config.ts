import { defineConfig } from "vitest/config";

// The tests that mutation testing of src/core runs against each mutant: everything that drives a breaker without a
// server or a process. The model runs fewer schedules than in CI, from one seed, so that a mutant's verdict repeats.
export default defineConfig({
  test: {
    include: ["test/{core,events,traps}/**/*.test.ts"],
    env: { TELLTALE_MODEL_RUNS: "400", TELLTALE_MODEL_SEED: "20261121" },
    testTimeout: 60_000,
  },
});
