import type { ScatterData, ScatterPoint } from "./scatter-point.ts";
import type { SettingResult, Tuning } from "./tuning.ts";
import { COLUMNS } from "./tuning-wording.ts";

/** No eye tells more points apart, and no browser is at ease with more. */
const MOST_POINTS = 4_000;

/** The points of the chart; of a large grid the front, today's and as many of the others as can be drawn. */
export function scatterData(tuning: Tuning): ScatterData {
  const { settings, front, today, best } = tuning;
  const others = settings.filter(
    (result) => !result.isOnFront && result !== today && result !== best,
  );
  const step = Math.max(1, others.length / MOST_POINTS);
  const chosen = others.filter((_, at) => Math.floor(at / step) !== Math.floor((at - 1) / step));
  const kindOf = (result: SettingResult): ScatterPoint["kind"] => {
    if (result === best) return "best";
    if (result === today) return "today";
    return result.isOnFront ? "front" : "other";
  };
  const shown = new Set([...chosen, ...front, today, best]);
  return { points: [...shown].map((result) => pointOf(result, kindOf(result))) };
}

function pointOf(result: SettingResult, kind: ScatterPoint["kind"]): ScatterPoint {
  const { badPassed, goodRefused, isOnFront, alike, text } = result;
  return {
    ...{ badPassed: badPassed.value, goodRefused: goodRefused.value, kind, isOnFront },
    lines: [
      text,
      ...COLUMNS.map(({ head, cell }) => `${head}: ${cell(result)}`),
      ...(alike > 1 ? [`${alike} settings come to these costs`] : []),
    ],
  };
}
