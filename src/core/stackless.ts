interface StackLimited {
  stackTraceLimit?: number;
}

/** Makes an error without capturing a stack, on engines that let us: capturing one costs more than most refusals. */
export function stackless<F, E extends Error>(make: (facts: F) => E, facts: F): E {
  // V8 reads this property at each construction; other engines ignore it.
  const engine: StackLimited = Error as object;
  const limit = engine.stackTraceLimit;
  try {
    engine.stackTraceLimit = 0;
  } catch {
    // Frozen intrinsics: the error then carries a stack, and is right otherwise.
    return make(facts);
  }
  const error = make(facts);
  if (limit === undefined) delete engine.stackTraceLimit;
  else engine.stackTraceLimit = limit;
  return error;
}
