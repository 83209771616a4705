import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Every event that a test's breakers emit is held against the JSON Schema of the events.
    setupFiles: ["test/support/validate-events.ts"],
    // A hung test must fail, not hang CI; no test asserts a duration of the real clock.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
