import { outcomeOfThrown } from "../core/classification.ts";
import type { DispatchedBody } from "./dispatched-body.ts";
import type { HttpCall } from "./http-call.ts";
import type { HttpGuard } from "./http-guard.ts";
import { type HttpAnswer, mayHaveBody } from "./http-outcome.ts";

const FIRST_FINAL_STATUS = 200;
const FIRST_FAILED_STATUS = 400;

/** What a request is guarded with. */
export interface DispatchedFrom {
  readonly guard: HttpGuard;
  readonly method: string;
  readonly upload: DispatchedBody;
}

/** What the handlers of a dispatch tell a call, whatever their shape. */
export class DispatchedCall {
  readonly #call: HttpCall;
  readonly #from: DispatchedFrom;
  #progress: "sent" | "body" | "told" = "sent";
  #isBegun = false;
  #left = false;

  constructor(call: HttpCall, from: DispatchedFrom) {
    this.#call = call;
    this.#from = from;
  }

  /** It is on its way: what goes wrong from now on comes of what the dependency does. */
  begun(): void {
    this.#isBegun = true;
  }

  /** A head has come. */
  answered(answer: HttpAnswer): void {
    const { status } = answer;
    if (status < FIRST_FINAL_STATUS || this.#progress !== "sent") return;
    this.#progress = "told";
    if (!this.#call.answered(status, answer, mayHaveBody(this.#from.method, status))) return;
    this.#progress = "body";
    // Undici hands the body over as it comes, read or not.
    this.#call.reads();
    this.#from.guard.await(this.#call);
  }

  /** The connection is the caller's from now on: that is the answer to CONNECT, whatever its status, and to an upgrade. */
  upgraded(answer: HttpAnswer): void {
    // HTTP/2 has no status to tell by then.
    if (typeof answer.status === "number") this.#call.answered(answer.status, answer, false);
    this.ended();
  }

  ended(): void {
    this.#progress = "told";
    this.#call.ended();
  }

  /** The caller wants no more: it aborted, or its own part of the work has failed. */
  left(): void {
    this.#left = true;
  }

  /** It failed with an error; when that is the caller's doing, it gives no verdict. */
  failed(error: unknown): void {
    if (this.#progress === "told") return;
    if (this.#isCallers(error)) {
      this.#call.abandoned();
      return;
    }
    const answer = this.#progress === "sent" ? answerIn(error) : null;
    if (answer !== null) this.#call.answered(answer.status, answer, false);
    else if (this.#isBegun || this.#progress !== "sent") this.#call.broke(error);
    else this.#call.threw(error);
  }

  #isCallers(error: unknown): boolean {
    if (this.#from.upload.failedWith(error)) return outcomeOfThrown(error) === "error";
    return this.#left && outcomeOfThrown(error) === "error" && !isUndecodable(error);
  }
}

/** The answer that an interceptor on the way made an error of, as `responseError` and `retry` do; null when there is none. */
function answerIn(error: unknown): HttpAnswer | null {
  if (typeof error !== "object" || error === null) return null;
  const { statusCode, headers }: { readonly statusCode?: unknown; readonly headers?: unknown } =
    error;
  if (typeof statusCode !== "number" || statusCode < FIRST_FAILED_STATUS) return null;
  return { status: statusCode, headers: typeof headers === "object" ? (headers ?? {}) : {} };
}

/** What zlib says of a body that is not what its `content-encoding` says: the reader aborts, for what the sender did. */
const UNDECODABLE = /^(?:Z_|ERR__ERROR_|ERR_BROTLI_|ZSTD_)/;

function isUndecodable(error: unknown): boolean {
  const code: unknown =
    typeof error === "object" && error !== null ? Reflect.get(error, "code") : null;
  return typeof code === "string" && UNDECODABLE.test(code);
}
