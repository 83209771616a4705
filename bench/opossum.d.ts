// opossum ships no types; this is what the benchmarks use of it.
declare module "opossum" {
  interface Options {
    timeout?: number | false;
    resetTimeout?: number;
    errorThresholdPercentage?: number;
    rollingCountBuckets?: number;
    rollingPercentilesEnabled?: boolean;
    enableSnapshots?: boolean;
  }
  export default class CircuitBreaker<R> {
    constructor(action: () => Promise<R>, options?: Options);
    fire(): Promise<R>;
    on(event: "success", listener: (result: R, latencyMs: number) => void): this;
    open(): void;
    fallback(action: () => R): this;
    readonly opened: boolean;
    readonly closed: boolean;
  }
}
