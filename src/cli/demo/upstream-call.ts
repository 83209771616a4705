import { request } from "node:http";
import type { Connection } from "./messages.ts";

/** One call to the upstream, with what became of its connection as the socket itself told it. */
export class UpstreamCall {
  connection: Connection = "none";
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /**
   * Makes the call on a connection of its own, so that it ends in one of three ways: answered, refused or reset.
   * @throws the socket's error
   */
  run(): Promise<{ readonly status: number }> {
    this.connection = "other";
    return new Promise((resolve, reject) => {
      const call = request({ host: "127.0.0.1", port: this.#port, agent: false }, (response) => {
        response.on("error", reject);
        response.on("end", () => {
          this.connection = "answered";
          resolve({ status: response.statusCode ?? 0 });
        });
        response.resume();
      });
      call.on("error", (error: NodeJS.ErrnoException) => {
        this.connection = fateOf(error.code);
        reject(error);
      });
      call.end();
    });
  }
}

function fateOf(code: string | undefined): Connection {
  if (code === "ECONNREFUSED") return "refused";
  return code === "ECONNRESET" || code === "EPIPE" ? "reset" : "other";
}
