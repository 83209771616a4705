import process from "node:process";

/** Writes text to the standard output. A reader that has left, as `head` does, is no failure: nobody wants the rest. */
export function print(text: string): Promise<void> {
  const { stdout } = process;
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      error.code === "EPIPE" ? resolve() : reject(error);
    stdout.once("error", failed);
    stdout.write(text, (error) => {
      if (error != null) return;
      stdout.off("error", failed);
      resolve();
    });
  });
}
