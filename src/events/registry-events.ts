import { define } from "./event-definition.ts";
import * as field from "./field.ts";
import { REMOVAL_REASONS, STATES } from "./vocabulary.ts";

const breaker = field.text("The breaker's name");
const size = field.count("Breakers in the registry now");
const limit = field.count("The most that it holds");

/** The events of a registry. */
export const REGISTRY_EVENTS = {
  "registry.added": define({
    severity: "debug",
    sentence: "breaker added",
    when: "A registry made a breaker, at the first `get` of its name",
    fields: { breaker, size, limit },
    metrics: [],
  }),
  "registry.removed": define({
    severity: "debug",
    sentence: "breaker removed",
    when: "A breaker left its registry: it made room for another, or it was deleted. Nothing more is told of it; an incident that it was in ends here without a close",
    fields: {
      breaker,
      reason: field.word(REMOVAL_REASONS, "Made room for another, or the control call `delete`"),
      state: field.word(STATES, "The committed state that it was in"),
      incidentId: field.optional(field.text("The incident that it was in")),
      size,
      limit,
    },
    metrics: [],
  }),
  "registry.full": define({
    severity: "error",
    sentence: "registry full",
    when: "A `get` of a new name found no breaker that could make room: its calls go through a breaker that the registry does not keep. Told at the 1st, 2nd, 4th, 8th … until there is room again",
    fields: {
      breaker,
      unkept: field.count("Breakers not kept since there was last room, this one included"),
      limit,
    },
    metrics: [],
  }),
} as const;
