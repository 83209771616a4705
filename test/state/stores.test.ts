import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileStore, createMemoryStore } from "../../src/state/index.ts";
import { storeSuite } from "./store-suite.ts";

storeSuite({
  kind: "memory",
  capabilities: { durable: false, consistent: true, atomic: true, mayOwnMoney: false },
  place: async () => {
    const rows = new Map<string, string>();
    return { open: () => createMemoryStore({ rows }), end: async () => {} };
  },
});

storeSuite({
  kind: "file",
  capabilities: { durable: true, consistent: true, atomic: true, mayOwnMoney: true },
  place: async () => {
    const folder = await mkdtemp(join(tmpdir(), "telltale-store-"));
    return {
      open: () => createFileStore(join(folder, "made", "state")),
      end: () => rm(folder, { recursive: true }),
    };
  },
});
