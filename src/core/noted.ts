/** The reason as a key of plain data, which is missing when none was given. */
export function noted(note: string | undefined): { readonly note?: string } {
  return note === undefined ? {} : { note };
}
