import type { Intent } from "./intent.ts";
import type { Operation } from "./operation.ts";
import { isHeld, nameOf } from "./record.ts";
import type { Slot } from "./slot.ts";
import type { TaskSettings } from "./task-settings.ts";
import { LONGEST_NOTE } from "./wire.ts";

/** The operation that says to the store what is wanted of a name; null when there is nothing left to say. */
export function operationOf(
  { key, known }: Slot,
  { intent, nowMs }: { readonly intent: Intent; readonly nowMs: number },
  settings: TaskSettings,
): Operation | null {
  const common = { key, by: settings.self, base: intent.base };
  switch (intent.want) {
    case "force":
    case "open": {
      const { note, incident, untilMs } = intent;
      const isForever = !Number.isFinite(untilMs);
      const forMs = isForever ? 0 : Math.ceil(untilMs - nowMs);
      if (!isForever && forMs <= 0) return null;
      if (intent.want === "force") return { do: "force", ...common, forMs, note, incident };
      const isQuota = nameOf(key).kind === "quota";
      const votes = isQuota ? null : settings.quorum;
      return { do: "open", ...common, forMs, note, incident, votes, extend: isQuota };
    }
    case "reset": {
      const { conditional, why } = intent;
      const reset = { do: "reset", ...common, conditional } as const;
      return why === undefined ? reset : { ...reset, why: why.slice(0, LONGEST_NOTE) };
    }
    case "result": {
      const { base: token, ok, forMs } = intent;
      return { do: "result", ...common, token, ok, forMs: Math.ceil(forMs) };
    }
    case "recovered": {
      const isCurrent = known.e === intent.base.e && known.v === intent.base.v;
      if (!isCurrent || !isHeld(known)) return null;
      return { do: "probe", ...common, leaseMs: settings.leaseMs };
    }
  }
}
