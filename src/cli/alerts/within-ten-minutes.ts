/**
 * How many instances show a moment of the last ten minutes. Not `increase`: what happens while a process starts is
 * there with its first scrape, and a counter that is born above zero has not grown.
 *
 * @param labels what tells the alerts apart
 * @param moment a gauge of a moment in Unix time; 0 for never
 */
export const withinTenMinutes = (labels: string, moment: string): string =>
  `count by (${labels}) ((${moment} > 0) > time() - 600)`;
