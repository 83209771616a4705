import { expect, test } from "vitest";
import type { BreakerStats, CircuitEvent, CircuitState, Permit } from "../../src/index.ts";
import { BOOM, failTimes, type Watched, watch } from "../support/breaker.ts";
import { COOLDOWN_MS, isChange, permitOf } from "../support/states.ts";

// Every state x every input. A cell reads `next state +generations: events in order`; `-` is no event.

const LEASE_MS = 200;
const SLOW_MS = 101;

/** A breaker in a situation, and a permit of an older generation than the one it is in. */
interface Scene extends Watched {
  readonly old: Permit;
}

function scene(enter: (scene: Scene) => void): () => Scene {
  return () => {
    const watched = watch({
      failureThreshold: 2,
      latencyTripMs: SLOW_MS - 1,
      cooldownMs: COOLDOWN_MS,
      halfOpen: { leaseMs: LEASE_MS },
      // A call of this table returns the word that it counts as.
      classify: (call) => (call.ok ? (call.value as "ignored") : undefined),
    });
    const made = { ...watched, old: permitOf(watched) };
    watched.breaker.reset();
    enter(made);
    return made;
  };
}

function open({ breaker }: Watched): void {
  breaker.recordFailure(BOOM);
  breaker.recordFailure(BOOM);
}

function halfOpen(watched: Watched): void {
  open(watched);
  watched.clock.advance(COOLDOWN_MS);
  permitOf(watched).ignore();
}

const SITUATIONS = {
  closed: scene(() => {}),
  "closed, one failure from the trip": scene(({ breaker }) => breaker.recordFailure(BOOM)),
  open: scene(open),
  "open, due": scene((watched) => {
    open(watched);
    watched.clock.advance(COOLDOWN_MS);
  }),
  half_open: scene(halfOpen),
  "half_open, full": scene((watched) => {
    halfOpen(watched);
    permitOf(watched);
  }),
  "half_open, lease over": scene((watched) => {
    halfOpen(watched);
    permitOf(watched);
    watched.clock.advance(LEASE_MS);
  }),
  forced_open: scene(({ breaker }) => breaker.forceOpen()),
  "forced_open, due": scene(({ breaker, clock }) => {
    breaker.forceOpen(undefined, { forMs: 500 });
    clock.advance(500);
  }),
  disabled: scene(({ breaker }) => breaker.disable()),
} satisfies Record<string, () => Scene>;
type Situation = keyof typeof SITUATIONS;

const counts = (word: string) => (made: Scene) => made.breaker.execute(() => word);
const INPUTS = {
  success: counts("success"),
  error: ({ breaker }) => failTimes(breaker, 1),
  "latency verdict": ({ breaker, clock }) =>
    breaker.execute(() => {
      clock.advance(SLOW_MS);
      return "success";
    }),
  permanent: counts("permanent"),
  ignored: counts("ignored"),
  cancelled: counts("cancelled"),
  unreached: counts("unreached"),
  "cancelled before it began": ({ breaker }) =>
    breaker.execute(() => "success", { signal: { aborted: true } }),
  "late success": ({ old }) => old.success(),
  "late failure": ({ old }) => old.failure(BOOM),
  admission: ({ breaker }) => breaker.admit(),
  forceOpen: ({ breaker }) => breaker.forceOpen("by hand"),
  "forceOpen with forMs": ({ breaker }) => breaker.forceOpen("by hand", { forMs: 900 }),
  reset: ({ breaker }) => breaker.reset("by hand"),
  disable: ({ breaker }) => breaker.disable(),
  enable: ({ breaker }) => breaker.enable(),
  reconfigure: ({ breaker }) => breaker.reconfigure({ cooldownMs: 2 * COOLDOWN_MS }),
  recordSuccess: ({ breaker }) => breaker.recordSuccess(),
  recordFailure: ({ breaker }) => breaker.recordFailure(BOOM),
} satisfies Record<string, (made: Scene) => unknown>;
type Input = keyof typeof INPUTS;

const same = (cell: string): Record<CircuitState, string> => ({
  closed: `closed ${cell}`,
  open: `open ${cell}`,
  half_open: `half_open ${cell}`,
  forced_open: `forced_open ${cell}`,
  disabled: `disabled ${cell}`,
});
const refused = same("+0: skip");

const failing: Record<Situation, string> = {
  closed: "closed +0: failure progress",
  "closed, one failure from the trip": "open +1: failure open",
  open: refused.open,
  "open, due": "open +2: half_open failure probe open",
  half_open: "open +1: failure probe open",
  "half_open, full": refused.half_open,
  "half_open, lease over": "open +1: probe failure probe open",
  forced_open: refused.forced_open,
  "forced_open, due": "open +2: half_open failure probe open",
  disabled: "disabled +0: failure",
};
const deciding: Record<Situation, string> = {
  closed: "closed +0: success",
  "closed, one failure from the trip": "closed +0: success",
  open: refused.open,
  "open, due": "closed +2: half_open success probe close",
  half_open: "closed +1: success probe close",
  "half_open, full": refused.half_open,
  "half_open, lease over": "closed +1: probe success probe close",
  forced_open: refused.forced_open,
  "forced_open, due": "closed +2: half_open success probe close",
  disabled: "disabled +0: success",
};
const undecided: Record<Situation, string> = {
  closed: "closed +0: ignored",
  "closed, one failure from the trip": "closed +0: ignored",
  open: refused.open,
  "open, due": "half_open +1: half_open ignored probe",
  half_open: "half_open +0: ignored probe",
  "half_open, full": refused.half_open,
  "half_open, lease over": "half_open +0: probe ignored probe",
  forced_open: refused.forced_open,
  "forced_open, due": "half_open +1: half_open ignored probe",
  disabled: "disabled +0: ignored",
};
const late: Record<Situation, string> = {
  closed: "closed +0: late",
  "closed, one failure from the trip": "closed +0: late",
  open: "open +0: late",
  "open, due": "open +0: late",
  half_open: "half_open +0: late",
  "half_open, full": "half_open +0: late",
  "half_open, lease over": "half_open +0: probe late",
  forced_open: "forced_open +0: late",
  "forced_open, due": "forced_open +0: late",
  disabled: "disabled +0: late",
};
const unchanged: Record<Situation, string> = {
  closed: "closed +0: -",
  "closed, one failure from the trip": "closed +0: -",
  open: "open +0: -",
  "open, due": "open +0: -",
  half_open: "half_open +0: -",
  "half_open, full": "half_open +0: -",
  "half_open, lease over": "half_open +0: -",
  forced_open: "forced_open +0: -",
  "forced_open, due": "forced_open +0: -",
  disabled: "disabled +0: -",
};
const forced: Record<Situation, string> = {
  closed: "forced_open +1: open",
  "closed, one failure from the trip": "forced_open +1: open",
  open: "forced_open +1: open",
  "open, due": "forced_open +1: open",
  half_open: "forced_open +1: open",
  "half_open, full": "forced_open +1: open",
  "half_open, lease over": "forced_open +1: probe open",
  forced_open: "forced_open +0: force_changed",
  "forced_open, due": "forced_open +0: force_changed",
  disabled: "forced_open +1: open",
};
const unrecorded = { open: late.open, "half_open, full": late["half_open, full"] };

const TABLE: Record<Input, Record<Situation, string>> = {
  success: deciding,
  error: failing,
  "latency verdict": failing,
  permanent: {
    ...failing,
    closed: "forced_open +1: failure open",
    "closed, one failure from the trip": "forced_open +1: failure open",
    "open, due": "forced_open +2: half_open failure probe open",
    half_open: "forced_open +1: failure probe open",
    "half_open, lease over": "forced_open +1: probe failure probe open",
    "forced_open, due": "forced_open +2: half_open failure probe open",
  },
  ignored: undecided,
  cancelled: undecided,
  unreached: undecided,
  "cancelled before it began": {
    closed: "closed +0: ignored",
    "closed, one failure from the trip": "closed +0: ignored",
    open: "open +0: ignored",
    "open, due": "open +0: ignored",
    half_open: "half_open +0: ignored",
    "half_open, full": "half_open +0: ignored",
    "half_open, lease over": "half_open +0: ignored",
    forced_open: "forced_open +0: ignored",
    "forced_open, due": "forced_open +0: ignored",
    disabled: "disabled +0: ignored",
  },
  "late success": late,
  "late failure": late,
  admission: {
    ...unchanged,
    open: refused.open,
    "open, due": "half_open +1: half_open",
    "half_open, full": refused.half_open,
    "half_open, lease over": "half_open +0: probe",
    forced_open: refused.forced_open,
    "forced_open, due": "half_open +1: half_open",
  },
  forceOpen: forced,
  "forceOpen with forMs": forced,
  reset: {
    closed: "closed +1: -",
    "closed, one failure from the trip": "closed +1: -",
    open: "closed +1: close",
    "open, due": "closed +1: close",
    half_open: "closed +1: close",
    "half_open, full": "closed +1: close",
    "half_open, lease over": "closed +1: probe close",
    forced_open: "closed +1: close",
    "forced_open, due": "closed +1: close",
    disabled: "disabled +1: -",
  },
  disable: {
    closed: "disabled +1: disable",
    "closed, one failure from the trip": "disabled +1: disable",
    open: "disabled +2: close disable",
    "open, due": "disabled +2: close disable",
    half_open: "disabled +2: close disable",
    "half_open, full": "disabled +2: close disable",
    "half_open, lease over": "disabled +2: probe close disable",
    forced_open: "disabled +2: close disable",
    "forced_open, due": "disabled +2: close disable",
    disabled: "disabled +0: -",
  },
  enable: { ...unchanged, disabled: "closed +1: enable" },
  reconfigure: {
    closed: "closed +0: reconfigure",
    "closed, one failure from the trip": "closed +0: reconfigure",
    open: "open +0: reconfigure",
    "open, due": "open +0: reconfigure",
    half_open: "half_open +0: reconfigure",
    "half_open, full": "half_open +0: reconfigure",
    "half_open, lease over": "half_open +0: probe reconfigure",
    forced_open: "forced_open +0: reconfigure",
    "forced_open, due": "forced_open +0: reconfigure",
    disabled: "disabled +0: reconfigure",
  },
  recordSuccess: { ...deciding, ...unrecorded, forced_open: late.forced_open },
  recordFailure: { ...failing, ...unrecorded, forced_open: late.forced_open },
};

// The keys of the two objects are exactly their types' members.
const situations = Object.keys(SITUATIONS) as Situation[];
const inputs = Object.keys(INPUTS) as Input[];
const cells = situations.flatMap((situation) => inputs.map((input) => ({ situation, input })));

/** The committed state and its generation, read from the event of a call that takes no slot. */
async function committed({ breaker, last }: Scene): Promise<CircuitEvent> {
  await breaker.execute(() => "success", { signal: { aborted: true } });
  return last("circuit.ignored");
}

async function run(situation: Situation, input: Input) {
  const made = SITUATIONS[situation]();
  const before = await committed(made);
  made.told();
  const seen = made.events.length;
  await INPUTS[input](made);
  const told = made.told();
  const events = made.events.slice(seen);
  const after = await committed(made);
  const raised = after.generation - before.generation;
  const cell = `${after.state} +${raised}: ${told.join(" ") || "-"}`;
  return { cell, before, after, events, stats: made.breaker.stats };
}

test.each(cells)("$situation x $input", async ({ situation, input }) => {
  const { cell, before, after, events, stats } = await run(situation, input);
  expect(cell).toBe(TABLE[input][situation]);

  // Each committed change tells the state it came from; no other event changes state or generation.
  let { state, generation } = before;
  for (const event of events) {
    if (isChange(event)) {
      expect(event.from).toBe(state);
      expect(event.generation).toBe(generation + 1);
      expect(stats.transitions).toHaveProperty(`${state}->${event.state}`);
    } else {
      expect(event).toMatchObject({ state, generation });
    }
    ({ state, generation } = event);
  }
  expect(state).toBe(after.state);
});

test("the table reaches each of the 13 transitions, and no other", async () => {
  const reached = new Map<string, number>();
  for (const { situation, input } of cells) {
    const { stats } = await run(situation, input);
    for (const [pair, count] of Object.entries(stats.transitions)) {
      reached.set(pair, (reached.get(pair) ?? 0) + count);
    }
  }
  const legal: (keyof BreakerStats["transitions"])[] = [
    "closed->open",
    "closed->forced_open",
    "closed->disabled",
    "open->half_open",
    "open->closed",
    "open->forced_open",
    "half_open->open",
    "half_open->closed",
    "half_open->forced_open",
    "forced_open->half_open",
    "forced_open->closed",
    "disabled->closed",
    "disabled->forced_open",
  ];
  expect([...reached.keys()].sort()).toEqual([...legal].sort());
  expect([...reached].filter(([, count]) => count === 0)).toEqual([]);
});
