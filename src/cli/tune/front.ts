/** What a setting costs: both are to be small. */
export interface Costs {
  readonly badPassed: number;
  readonly goodRefused: number;
}

/**
 * The places of the Pareto front: of those for which no other is better in one respect and as good in the other, in
 * the order of bad calls let through. Of several with the same costs only the first is there.
 */
export function frontOf(costs: readonly Costs[]): readonly number[] {
  const places = costs.map((_, place) => place);
  const at = (place: number): Costs => costs[place] ?? { badPassed: 0, goodRefused: 0 };
  places.sort(
    (a, b) => at(a).badPassed - at(b).badPassed || at(a).goodRefused - at(b).goodRefused || a - b,
  );
  let least = Number.POSITIVE_INFINITY;
  return places.filter((place) => {
    const { goodRefused } = at(place);
    if (goodRefused >= least) return false;
    least = goodRefused;
    return true;
  });
}

/** The costs as one number: `weight` bad calls let through are as bad as one good call refused. */
export const totalCost = ({ badPassed, goodRefused }: Costs, weight: number): number =>
  badPassed + weight * goodRefused;
