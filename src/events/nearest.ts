function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substitute));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known names that a mistyped one may have meant, best first, three at most. */
function nearest(mistyped: string, known: readonly string[]): readonly string[] {
  const typed = mistyped.slice(0, 64).toLowerCase();
  return known
    .map((name) => ({ name, far: distance(typed, name.toLowerCase()) }))
    .filter(({ name, far }) => far <= Math.max(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `did you mean "a" or "b"?`, or the whole list when nothing is near. */
export function hint(mistyped: string, known: readonly string[]): string {
  const near = nearest(mistyped, known);
  return near.length > 0
    ? `did you mean ${near.map((name) => `"${name}"`).join(" or ")}?`
    : `known are ${known.join(", ")}`;
}
