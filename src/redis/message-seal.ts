import { createHmac, timingSafeEqual } from "node:crypto";

/** How much longer a signed message is, in characters. */
export const SEAL_LENGTH = 43;

/** Signs the messages of a channel, and opens those that somebody signed who has the same secret. */
export class MessageSeal {
  readonly #secret: string;
  readonly #channel: string;

  constructor(secret: string, channel: string) {
    this.#secret = secret;
    this.#channel = channel;
  }

  sign(message: string): string {
    return this.#digest(message) + message;
  }

  /** The message, or null when it is not signed, or for another channel, or with another secret. */
  open(sealed: string): string | null {
    const message = sealed.slice(SEAL_LENGTH);
    const given = Buffer.from(sealed.slice(0, SEAL_LENGTH));
    const due = Buffer.from(this.#digest(message));
    return given.length === due.length && timingSafeEqual(given, due) ? message : null;
  }

  #digest(message: string): string {
    // The channel is signed with it: a message of one namespace says nothing in another.
    const text = `${this.#channel}\n${message}`;
    return createHmac("sha256", this.#secret).update(text).digest("base64url");
  }
}
