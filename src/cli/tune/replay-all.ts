import { added, type Figures, NO_FIGURES } from "./figures.ts";
import type { Streams } from "./recording.ts";
import { replay } from "./replay.ts";
import { optionsOf, type Setting } from "./setting.ts";

/** What the replays of one setting came to: as likely as not, and by the better and the worse assumption. */
export interface Outcome {
  readonly likely: Figures;
  /** The same as `likely` when the recording has an outcome for each call. */
  readonly better: Figures;
  readonly worse: Figures;
}

/** Replays every process under a setting, by each assumption. */
export function replayAll(streams: Streams, setting: Setting, slowMs: number): Outcome {
  const by = (assumption: 0 | 1 | 2): Figures =>
    streams.reduce((sum, tables) => {
      const table = tables[assumption] ?? tables[0];
      // Options may hold state of their own, such as the attempts of a cooldown: new ones for each breaker.
      return added(sum, replay(table, optionsOf(setting), slowMs));
    }, NO_FIGURES);
  const likely = by(0);
  if (streams.every(({ length }) => length === 1)) return { likely, better: likely, worse: likely };
  return { likely, better: by(1), worse: by(2) };
}

/** The calls that replaying a setting takes. */
export const callsPerSetting = (streams: Streams): number =>
  streams.reduce((sum, tables) => sum + tables[0].startMs.length * tables.length, 0);
