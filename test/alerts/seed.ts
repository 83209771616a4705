/** The seed that `name` of the environment gives, or one that no run before had; it is printed, to repeat the run. */
export function seedOf(name: string): number {
  const given = process.env[name];
  const seed = given === undefined || given === "" ? Date.now() % 2 ** 31 : Number(given);
  if (!Number.isSafeInteger(seed)) throw new Error(`${name} must be an integer, received ${given}`);
  console.log(`${name}=${seed}`);
  return seed;
}
