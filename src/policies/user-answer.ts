import { shown } from "../events/check.ts";
import type { Scope } from "./call-scope.ts";
import type { Surroundings } from "./surroundings.ts";

/** Something that the user gave and that is asked: what it is called in events, and what it may answer. */
export interface Question<A> {
  /** The option, such as `shouldRetry`. */
  readonly callback: string;
  /** The answers, in words. */
  readonly allowed: string;
  readonly accepts: (answer: unknown) => answer is A;
}

/** Who hears of a failure, and in which call. */
export interface Asking {
  readonly host: Pick<Surroundings, "failed">;
  readonly scope: Pick<Scope, "context"> | undefined;
}

/** The question of an option that says yes or no. */
export const yesOrNo = (callback: string): Question<boolean> => ({
  callback,
  allowed: "true or false",
  accepts: (answer) => typeof answer === "boolean",
});

/**
 * What the user's function answers; undefined when it throws, or answers anything else than it may, which is told. The
 * answer is needed now, so a promise is none, and its rejection must not end the process.
 */
export function answerTo<A>(
  { callback, allowed, accepts }: Question<A>,
  ask: () => unknown,
  { host, scope }: Asking,
): A | undefined {
  try {
    const answer = ask();
    if (accepts(answer)) return answer;
    const isLate = answer instanceof Promise;
    if (isLate) answer.catch(() => {});
    throw new TypeError(
      `${callback} must answer ${allowed}, received ${isLate ? "a promise" : shown(answer)}`,
    );
  } catch (thrown) {
    host.failed(callback, thrown, scope);
    return undefined;
  }
}

/** Calls a function of the user's that answers nothing. When it throws, now or by a promise, that is told. */
export function notify(callback: string, call: () => unknown, { host, scope }: Asking): void {
  try {
    // Declared void, which an async function satisfies: its rejection must not end the process.
    const returned = call();
    if (returned instanceof Promise) {
      returned.catch((thrown) => host.failed(callback, thrown, scope));
    }
  } catch (thrown) {
    host.failed(callback, thrown, scope);
  }
}
