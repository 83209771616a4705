// async-retry ships no types; this is what the benchmarks use of it.
declare module "async-retry" {
  interface Options {
    retries?: number;
    minTimeout?: number;
  }
  export default function retry<R>(
    action: (bail: (error: Error) => void, attempt: number) => Promise<R>,
    options?: Options,
  ): Promise<R>;
}
