/** The options over the defaults; one that is undefined is one that is not given. */
export function withDefaults<D extends object, O extends object>(
  defaults: D,
  options: O,
): Omit<O, keyof D> & { readonly [K in keyof D]: K extends keyof O ? NonNullable<O[K]> : D[K] } {
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  // Every default is there, and nothing that is given is undefined.
  return { ...defaults, ...given } as ReturnType<typeof withDefaults<D, O>>;
}
