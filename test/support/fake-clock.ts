import type { Clock } from "../../src/index.ts";

/** 2026-01-01T00:00:00Z, where every fake wall clock starts. */
export const START_AT_MS = 1_767_225_600_000;

/** A clock that moves only when told. `jumpWall` sets the wall clock without any time passing. */
export class FakeClock implements Clock {
  nowMs = 0;
  wallOffsetMs = START_AT_MS;

  monotonicMs(): number {
    return this.nowMs;
  }

  epochMs(): number {
    return this.wallOffsetMs + this.nowMs;
  }

  advance(durationMs: number): void {
    this.nowMs += durationMs;
  }

  jumpWall(byMs: number): void {
    this.wallOffsetMs += byMs;
  }
}
