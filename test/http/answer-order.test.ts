import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { guardFetch } from "../../src/http/index.ts";
import { CircuitBreaker, consecutive, createEventBus } from "../../src/index.ts";
import { FakeClock, START_AT_MS } from "../support/fake-clock.ts";

// Answers to one guard, in any order of heads, ends and breaks, held against a list of what was known when.

const LEASE_MS = 100;
const THRESHOLD = 200;

/** With rules that only report, with nothing else, or on the quiet path. */
const KINDS = ["closed", "disabled", "unheard"] as const;
type Kind = (typeof KINDS)[number];

/**
 * What came: a failure; a call that succeeded to its end; the head of an answer that has not ended; one that counted by
 * its head; what became nothing after all.
 */
type Known = { means: "failure" | "whole" | "head" | "byHead" | "nothing" };

interface Begun {
  readonly known: Known;
  readonly headAtMs: number;
  lapsed: boolean;
  /** The period in which it began is over: it is late, and decides nothing. */
  late: boolean;
  readonly stream: ReadableStreamDefaultController<Uint8Array>;
  readonly reader: ReadableStreamDefaultReader<Uint8Array> | null;
  readonly body: ReadableStream<Uint8Array> | null;
}

const separates = ({ means }: Known): boolean =>
  means === "whole" || means === "head" || means === "byHead";

/** The failures since the last that is, or may yet be, a success. */
function runOf(history: readonly Known[]): number {
  const from = history.findLastIndex(separates) + 1;
  return history.slice(from).filter(({ means }) => means === "failure").length;
}

/** Takes the failures out between a head and what separates before it, and says how many. */
function takeBefore(history: Known[], head: Known): number {
  const before = history.slice(0, history.indexOf(head));
  const taken = before
    .slice(before.findLastIndex(separates) + 1)
    .filter(({ means }) => means === "failure");
  for (const failure of taken) failure.means = "nothing";
  return taken.length;
}

const isFollowedBy = (history: readonly Known[], head: Known, word: Known["means"]): boolean =>
  history.slice(history.indexOf(head)).some(({ means }) => means === word);

class World {
  readonly clock = new FakeClock();
  readonly breaker: CircuitBreaker;
  readonly history: Known[] = [];
  readonly #open: Begun[] = [];
  readonly #guarded: (url: string) => Promise<Response>;
  readonly #bus = createEventBus();
  #next: Response = new Response(null);
  lastSuccessAtMs: number | null = null;
  wouldOpen = 0;

  constructor(kind: Kind) {
    this.breaker = new CircuitBreaker("b", {
      clock: this.clock,
      failureThreshold: kind === "disabled" ? THRESHOLD : 100_000,
      ...(kind === "unheard" ? {} : { bus: this.#bus }),
      ...(kind === "closed" ? { shadow: consecutive(THRESHOLD) } : {}),
    });
    if (kind === "disabled") this.breaker.disable();
    this.#bus.on("circuit.would_open", () => void this.wouldOpen++);
    this.#guarded = guardFetch(async (_: string) => this.#next, {
      breaker: this.breaker,
      clock: this.clock,
      bodyLeaseMs: LEASE_MS,
    });
  }

  /** A request of any kind ends the wait for the answers before it. */
  async #ask(answer: Response): Promise<Response> {
    for (const begun of this.#open) {
      if (!begun.lapsed && !begun.late && this.clock.monotonicMs() - begun.headAtMs >= LEASE_MS) {
        begun.lapsed = true;
        begun.known.means = "byHead";
        this.#succeeds(begun.headAtMs);
      }
    }
    this.#next = answer;
    return this.#guarded("http://127.0.0.1/");
  }

  #succeeds(momentMs: number): void {
    const atMs = START_AT_MS + momentMs;
    this.lastSuccessAtMs = Math.max(this.lastSuccessAtMs ?? 0, atMs);
  }

  #succeedsNow(): void {
    this.history.push({ means: "whole" });
    this.#succeeds(this.clock.monotonicMs());
  }

  async bad(): Promise<void> {
    await this.#ask(new Response(null, { status: 503 }));
    this.history.push({ means: "failure" });
  }

  async well(): Promise<void> {
    await this.#ask(new Response(null, { status: 204 }));
    this.#succeedsNow();
  }

  async begin(read: boolean): Promise<void> {
    let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
    const source = new ReadableStream<Uint8Array>({
      start(given) {
        stream = given;
      },
    });
    const { body } = await this.#ask(new Response(source));
    if (stream === undefined || body === null) throw new Error("a body was expected");
    const reader = read ? body.getReader() : null;
    if (reader !== null) {
      stream.enqueue(new Uint8Array(1));
      await reader.read();
    }
    const known: Known = { means: "head" };
    this.history.push(known);
    const headAtMs = this.clock.monotonicMs();
    this.#open.push({ known, headAtMs, lapsed: false, late: false, stream, reader, body });
  }

  #take(which: number): Begun | undefined {
    const [begun] = this.#open.splice(which % Math.max(1, this.#open.length), 1);
    return begun;
  }

  async finish(which: number): Promise<void> {
    const begun = this.#take(which);
    if (begun?.reader == null) return this.cancel(begun);
    begun.stream.close();
    await begun.reader.read();
    if (begun.lapsed || begun.late) return;
    begun.known.means = "byHead";
    this.#succeedsNow();
  }

  async break(which: number): Promise<void> {
    const begun = this.#take(which);
    if (begun?.reader == null) return this.cancel(begun);
    begun.stream.error(new TypeError("terminated"));
    await begun.reader.read().catch(() => {});
    const { known, lapsed, late } = begun;
    if (late) return;
    const goesOn = !isFollowedBy(this.history, known, "whole");
    const taken = goesOn ? takeBefore(this.history, known) : 0;
    if (!lapsed) known.means = "nothing";
    for (let more = 0; more <= taken; more++) this.history.push({ means: "failure" });
  }

  async leave(which: number): Promise<void> {
    return this.cancel(this.#take(which));
  }

  /** In the middle it is no verdict, unread it is a success of the moment of its head. */
  async cancel(begun: Begun | undefined): Promise<void> {
    if (begun === undefined) return;
    await (begun.reader ?? begun.body)?.cancel();
    if (begun.lapsed || begun.late) return;
    const { known } = begun;
    if (begun.reader === null) {
      known.means = "byHead";
      this.#succeeds(begun.headAtMs);
      return;
    }
    if (isFollowedBy(this.history, known, "byHead")) takeBefore(this.history, known);
    known.means = "nothing";
  }

  async reset(): Promise<void> {
    this.breaker.reset();
    this.history.length = 0;
    for (const begun of this.#open) begun.late = true;
  }

  async fresh(): Promise<void> {
    this.breaker.recordSuccess();
    this.#succeedsNow();
  }
}

const WORDS = [
  ...(["bad", "bad", "bad", "read", "read", "read", "leave", "leave", "break", "unread"] as const),
  ...(["bad", "bad", "bad", "read", "read", "read", "leave", "leave", "break", "unread"] as const),
  ...(["well", "fresh", "finish", "reset"] as const),
] as const;
const steps = fc.array(
  fc.record({
    word: fc.constantFrom(...WORDS),
    which: fc.nat(6),
    afterMs: fc.integer({ min: 1, max: 20 }),
  }),
  { maxLength: 40 },
);

async function step(world: World, word: (typeof WORDS)[number], which: number): Promise<void> {
  switch (word) {
    case "read":
      return world.begin(true);
    case "unread":
      return world.begin(false);
    case "bad":
    case "well":
    case "fresh":
    case "reset":
      return world[word]();
    default:
      return world[word](which);
  }
}

for (const kind of KINDS) {
  test(`consecutiveFailures (${kind}) are those since the last answer that is, or may yet be, a success`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const world = new World(kind);
        for (const { word, which, afterMs } of taken) {
          await step(world, word, which);
          await turn();
          expect(world.breaker.stats).toMatchObject({
            consecutiveFailures: runOf(world.history),
            lastSuccessAtMs: world.lastSuccessAtMs,
          });
          world.clock.advance(afterMs);
        }
        if (kind === "unheard") return;
        // What only reports has counted the same: it takes as many more failures as are missing.
        for (let missing = THRESHOLD - 1 - runOf(world.history); missing > 0; missing--) {
          world.breaker.recordFailure();
        }
        expect(world.wouldOpen).toBe(0);
        world.breaker.recordFailure();
        expect(world.wouldOpen).toBe(1);
      }),
      { numRuns: 1_000 },
    );
  });
}
