import type { Scenario } from "../scenario.ts";

const STORE = "CircuitBreakerStoreFailing";
const REJECTED = "CircuitBreakerSnapshotRejected";
const OWNER = "CircuitBreakerOwnerUnreachable";
const LOST = "CircuitBreakerSpendLost";

const CHECKOUT = { job: "checkout" };
const STOCK = { job: "stock" };
const WRITE = { ...CHECKOUT, operation: "write" };
const LOAD = { ...STOCK, operation: "load" };
const OPENAI = { ...CHECKOUT, owner: "openai" };
const AZURE = { ...STOCK, owner: "azure" };
const OTEL = { otel_scope_version: "0.1.0" };
const OTHER_OTEL = { otel_scope_version: "0.2.0" };

const failing = (timelines: Readonly<Record<string, string>>) => ({
  telltale_state_store_failing: { load: "0", write: "0", ...timelines },
});
const rejected = (timeline: string) => ({
  telltale_state_rejected_timestamp_seconds: { "": timeline },
});
const unreachable = (owner: string, timeline: string, failures: string, fallback = "cache") => ({
  telltale_owner_unreachable: { [owner]: timeline },
  telltale_owner_failures_total: { [`${owner}->none`]: "0", [`${owner}->${fallback}`]: failures },
});
const lost = (owner: string, timeline: string) => ({
  telltale_owner_spend_lost_timestamp_seconds: { [owner]: timeline },
});
const storeTold = (count: number, { job, operation } = WRITE) => ({
  alert: STORE,
  labels: { job, operation },
  summary: `The state of breakers is not saved: ${operation} fails (job ${job})`,
  description: `${count} instances cannot ${operation}. Calls go on, and nothing is saved: an instance that ends now loses what has happened since, an open breaker begins closed, and what was spent may be forgotten.`,
});
const rejectedTold = (count: number, { job } = CHECKOUT) => ({
  alert: REJECTED,
  labels: { job },
  summary: `Saved state was rejected (job ${job})`,
  description: `${count} instances had rows that they could not use when they read their store, or that it could not keep: a breaker of such a row began anew, closed and with nothing counted.`,
});
const ownerTold = (count: number, { job, owner } = OPENAI) => ({
  alert: OWNER,
  labels: { job, owner },
  summary: `Owner ${owner} does not answer (job ${job})`,
  description: `${count} isolates decide alone, by its last answer or as if breakers were closed: they do not hear what it opens, and what they spend waits to be recorded.`,
});
const lostTold = (count: number, { job, owner } = OPENAI) => ({
  alert: LOST,
  labels: { job, owner },
  summary: `Spends of owner ${owner} are lost (job ${job})`,
  description: `${count} isolates lost spends: the ledger refused them, or too many waited for an owner that does not answer. What was spent reads too low.`,
});

/** Stores that fail, rows that cannot be used, owners that do not answer. */
export const STORE_OWNER_SCENARIOS: readonly Scenario[] = [
  {
    name: "CircuitBreakerStoreFailing fires when a store has failed for two minutes, until it takes what waits",
    length: 40,
    exported: [
      { instance: "a", measured: failing({ write: "0*4 1*12 0" }) },
      { instance: "b", measured: failing({ write: "0*4 1*9 0" }) },
      { instance: "c", measured: failing({}) },
      {
        job: "stock",
        instance: "a",
        labels: OTEL,
        measured: failing({ load: "0*8 1*10 0" }),
      },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: failing({ load: "0*8 1*10 0" }),
      },
      // A store that restarts.
      { job: "quick", measured: failing({ write: "0*4 1*8 0" }) },
    ],
    firing: {
      "2m45s": [],
      "3m": [[STORE, WRITE]],
      "3m45s": [[STORE, WRITE]],
      "4m": [[STORE, LOAD]],
      "4m15s": [[STORE, LOAD]],
      "4m30s": [],
    },
    told: { "3m": [storeTold(2)], "3m15s": [storeTold(1)], "4m": [storeTold(2, LOAD)] },
  },
  {
    name: "CircuitBreakerSnapshotRejected fires for ten minutes, also for a row that was rejected before the first scrape",
    length: 50,
    exported: [
      { instance: "a", measured: rejected("0*4 60") },
      { instance: "b", measured: rejected("0*4 60.5") },
      { instance: "c", measured: rejected("0") },
      {
        job: "stock",
        instance: "a",
        labels: OTEL,
        measured: rejected("120"),
        life: "silent*8 up*42",
      },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: rejected("120"),
        life: "silent*8 up*42",
      },
    ],
    firing: {
      "45s": [],
      "1m": [[REJECTED, CHECKOUT]],
      "1m45s": [[REJECTED, CHECKOUT]],
      "2m": [
        [REJECTED, CHECKOUT],
        [REJECTED, STOCK],
      ],
      "10m45s": [
        [REJECTED, CHECKOUT],
        [REJECTED, STOCK],
      ],
      "11m": [
        [REJECTED, CHECKOUT],
        [REJECTED, STOCK],
      ],
      "11m15s": [[REJECTED, STOCK]],
      "11m45s": [[REJECTED, STOCK]],
      "12m": [],
    },
    told: {
      "2m": [rejectedTold(2), rejectedTold(2, STOCK)],
      "11m": [rejectedTold(1), rejectedTold(2, STOCK)],
    },
  },
  {
    name: "CircuitBreakerOwnerUnreachable fires when isolates ask in vain for two minutes, until the owner answers or nobody asks",
    length: 40,
    exported: [
      {
        instance: "a",
        measured: {
          telltale_owner_unreachable: { openai: "0*4 1*12 0", azure: "1" },
          telltale_owner_failures_total: { "openai->cache": "0*4 1*4 2", "azure->cache": "9" },
        },
      },
      // An isolate that began anew.
      { instance: "b", measured: unreachable("openai", "0*4 1*9 0", "8*4 0*2 5", "closed") },
      // Isolates that nobody calls any more.
      { instance: "c", measured: unreachable("openai", "1", "9") },
      { job: "idle", measured: unreachable("openai", "1", "9") },
      {
        job: "stock",
        instance: "a",
        labels: OTEL,
        measured: unreachable("azure", "0*6 1", "7*6 8*6 9"),
      },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: unreachable("azure", "0*6 1", "7*6 8*6 9"),
      },
      // An object that moves, and one that misses its deadline now and then.
      { job: "quick", measured: unreachable("openai", "0*4 1*8 0", "0*4 1*4 2") },
      { job: "late", measured: unreachable("openai", "0", "0*4 1*4 2*4 3*4 4*4 5") },
    ],
    firing: {
      "2m45s": [],
      "3m": [[OWNER, OPENAI]],
      "3m15s": [[OWNER, OPENAI]],
      "3m30s": [
        [OWNER, OPENAI],
        [OWNER, AZURE],
      ],
      "3m45s": [
        [OWNER, OPENAI],
        [OWNER, AZURE],
      ],
      "4m": [[OWNER, AZURE]],
      "7m45s": [[OWNER, AZURE]],
      "8m": [],
    },
    told: {
      "3m": [ownerTold(2)],
      "3m15s": [ownerTold(1)],
      "4m": [ownerTold(2, AZURE)],
    },
  },
  {
    name: "CircuitBreakerSpendLost fires for ten minutes after a spend was lost",
    length: 50,
    exported: [
      { instance: "a", measured: lost("openai", "0*4 60") },
      { instance: "b", measured: lost("openai", "0*4 60.5") },
      { instance: "c", measured: lost("openai", "0") },
      {
        job: "stock",
        instance: "a",
        labels: OTEL,
        measured: lost("azure", "120"),
        life: "silent*8 up*42",
      },
      {
        job: "stock",
        instance: "b",
        labels: OTHER_OTEL,
        measured: lost("azure", "120"),
        life: "silent*8 up*42",
      },
    ],
    firing: {
      "45s": [],
      "1m": [[LOST, OPENAI]],
      "2m": [
        [LOST, OPENAI],
        [LOST, AZURE],
      ],
      "10m45s": [
        [LOST, OPENAI],
        [LOST, AZURE],
      ],
      "11m": [
        [LOST, OPENAI],
        [LOST, AZURE],
      ],
      "11m15s": [[LOST, AZURE]],
      "11m45s": [[LOST, AZURE]],
      "12m": [],
    },
    told: {
      "2m": [lostTold(2), lostTold(2, AZURE)],
      "11m": [lostTold(1), lostTold(2, AZURE)],
    },
  },
];
