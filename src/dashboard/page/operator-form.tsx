import { useState } from "preact/hooks";
import type { BoardBreaker } from "../board/board-breaker.ts";
import { TOKEN_HEADER } from "../page-config.ts";
import { token } from "./store.ts";

const LENGTHS = [
  ["", "until it is reset"],
  ["300000", "5 min"],
  ["1800000", "30 min"],
  ["7200000", "2 h"],
] as const;

interface Outcome {
  readonly isDone: boolean;
  readonly text: string;
}

/** What an operator may do to a breaker: asks for a reason and a token, and says what became of it. */
export function OperatorForm({ breaker }: { readonly breaker: BoardBreaker }) {
  const [reason, setReason] = useState("");
  const [forMs, setForMs] = useState("");
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const [isBusy, setBusy] = useState(false);
  const isReset = breaker.incident !== null;
  const act = async (action: "force_open" | "reset"): Promise<void> => {
    setBusy(true);
    const length = action === "force_open" && forMs !== "" ? { forMs: Number(forMs) } : {};
    const told = await order({ action, breaker: breaker.name, reason, ...length });
    setBusy(false);
    setOutcome(told);
    if (told.isDone) setReason("");
  };
  const isReady = !isBusy && reason.trim() !== "" && token.value !== "";
  return (
    <form class="operator" onSubmit={(event) => event.preventDefault()}>
      <h3>Actions</h3>
      <label>
        Reason
        <input
          name="reason"
          maxLength={400}
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      <label>
        Your token
        <input
          name="token"
          type="password"
          autocomplete="off"
          value={token.value}
          onInput={(event) => {
            token.value = event.currentTarget.value;
          }}
        />
      </label>
      <label>
        Held open
        <select name="for" value={forMs} onChange={(event) => setForMs(event.currentTarget.value)}>
          {LENGTHS.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <div class="buttons">
        <button
          type="button"
          class="danger"
          disabled={!isReady}
          onClick={() => void act("force_open")}
        >
          {breaker.state === "forced_open" ? "Force open anew" : "Force open"}
        </button>
        {isReset && (
          <button type="button" disabled={!isReady} onClick={() => void act("reset")}>
            Reset
          </button>
        )}
      </div>
      {outcome !== null && (
        <p role="status" class={outcome.isDone ? "good" : "bad"}>
          {outcome.text}
        </p>
      )}
    </form>
  );
}

async function order(what: object): Promise<Outcome> {
  try {
    const response = await fetch("?action", {
      method: "POST",
      headers: { "content-type": "application/json", [TOKEN_HEADER]: token.value },
      body: JSON.stringify(what),
    });
    const told: unknown = await response.json();
    const message = typeof told === "object" && told !== null ? Reflect.get(told, "message") : null;
    return { isDone: response.ok, text: String(message ?? `It answers ${response.status}`) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { isDone: false, text: `It cannot be said whether it was done: ${why}` };
  }
}
