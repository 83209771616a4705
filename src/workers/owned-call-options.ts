import { type CallOptions, checkedOptions } from "../core/call-options.ts";
import type { Check } from "../events/check.ts";
import type { Scalar } from "../events/field.ts";
import { checkedUsage, type Spend, type Usage } from "../quota/spend-input.ts";

/** Options of one call of an owned provider. */
export interface OwnedCallOptions<T> extends CallOptions {
  /**
   * The provider, as quota marks and the ledger name it.
   * @default the name of the owner
   */
  readonly provider?: string;
  /**
   * The model, as the ledger names it: a call is refused, with reason `quota`, while its hard budget or its rate limit is
   * used up. What is spent within `cacheMs` elsewhere is not seen yet: `estimate` holds a budget exactly.
   * @default no budget is asked
   */
  readonly model?: string;
  /**
   * What the call will use: held by the owner while it runs, so that calls of all isolates together cannot exceed a hard
   * budget or a rate limit. Each call then waits for one request to the owner.
   * @default nothing is reserved
   */
  readonly estimate?: Omit<Usage, "provider">;
  /**
   * What the call cost, from its value; null for nothing. Sent with the report of the call, until the owner has it.
   * Without an `id` it is given one. When it throws, the call is as it was, and `circuit.callback_failed` says so.
   * @default nothing
   */
  readonly spend?: (value: T) => Spend | null;
}

/** Options that were checked once. */
export interface CheckedCall<T> {
  readonly provider: string;
  readonly model: string | undefined;
  readonly estimate: Usage | null;
  readonly spend: ((value: T) => Spend | null) | undefined;
  readonly signal: CallOptions["signal"];
  readonly context: Readonly<Record<string, Scalar>> | undefined;
}

const KNOWN = ["signal", "context", "provider", "model", "estimate", "spend"];

/** @throws {TypeError|RangeError} naming the option that cannot be used */
export function checkedCall<T>(
  check: Check,
  options: OwnedCallOptions<T>,
  owner: string,
): CheckedCall<T> {
  check.keys(check.object("options", options), KNOWN);
  const { signal, context, provider = owner, model, estimate: given, spend } = options;
  check.text("provider", provider, 256);
  if (model !== undefined) check.text("model", model, 256);
  if (spend !== undefined) check.function("spend", spend);
  const estimate =
    given === undefined
      ? null
      : { ...check.object("estimate", given), provider, model: given.model };
  if (estimate !== null) checkedUsage(check, estimate);
  return {
    provider,
    model,
    estimate,
    spend,
    signal,
    context: checkedOptions(check, { signal, context }).context,
  };
}
