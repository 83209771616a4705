import type { IncomingMessage, ServerResponse } from "node:http";

/** A stream that the page may ask for. */
export interface PageSource {
  /** @returns why it can never be shown; null when it can, or may be some time */
  begin(): Promise<string | null>;
  handle(request: IncomingMessage, response: ServerResponse): void;
  end(): void;
}
