const BUCKETS = 60;

/** Requests and tokens that a call uses, or has used. */
export interface Use {
  readonly requests: number;
  readonly tokens: number;
}

/** What was used in one sixtieth of the time. */
export interface UseBucket extends Use {
  /** When it begins, in epoch milliseconds. */
  readonly fromMs: number;
}

/** Buckets of one span, at the most. */
export const MOST_BUCKETS = BUCKETS;

/**
 * What was used in the last so many milliseconds, in sixty buckets: holds between fifty-nine sixtieths and the whole of
 * the time. Fixed memory. A wall clock that steps back counts as no time.
 */
export class RollingUse {
  readonly spanMs: number;
  readonly #bucketMs: number;
  readonly #requests = new Float64Array(BUCKETS);
  readonly #tokens = new Float64Array(BUCKETS);
  #newest = Number.NEGATIVE_INFINITY;
  /** Over all buckets. */
  #heldRequests = 0;
  #heldTokens = 0;

  constructor(spanMs: number) {
    this.spanMs = spanMs;
    this.#bucketMs = spanMs / BUCKETS;
  }

  /** The buckets that hold something, oldest first. */
  save(): UseBucket[] {
    const held: UseBucket[] = [];
    if (this.#newest === Number.NEGATIVE_INFINITY) return held;
    for (let age = BUCKETS - 1; age >= 0; age--) {
      const place = placeOf(this.#newest - age);
      const requests = this.#requests[place] ?? 0;
      const tokens = this.#tokens[place] ?? 0;
      const fromMs = (this.#newest - age) * this.#bucketMs;
      if (requests > 0 || tokens > 0) held.push({ fromMs, requests, tokens });
    }
    return held;
  }

  /** Takes buckets back: the larger of what both have. Those that are over, or yet to come, count for nothing. */
  load(nowMs: number, buckets: readonly UseBucket[]): void {
    this.#turnTo(nowMs);
    for (const { fromMs, requests, tokens } of buckets) {
      const bucket = Math.round(fromMs / this.#bucketMs);
      if (bucket > this.#newest || bucket <= this.#newest - BUCKETS) continue;
      const place = placeOf(bucket);
      this.#requests[place] = Math.max(this.#requests[place] ?? 0, requests);
      this.#tokens[place] = Math.max(this.#tokens[place] ?? 0, tokens);
    }
    this.#heldRequests = total(this.#requests);
    this.#heldTokens = total(this.#tokens);
  }

  add(nowMs: number, { requests, tokens }: Use): void {
    const place = this.#turnTo(nowMs);
    this.#requests[place] = (this.#requests[place] ?? 0) + requests;
    this.#tokens[place] = (this.#tokens[place] ?? 0) + tokens;
    this.#heldRequests += requests;
    this.#heldTokens += tokens;
  }

  /**
   * How long until a use fits under both limits, in milliseconds: 0 when it fits now, Infinity when it is larger than
   * a limit by itself.
   */
  waitMs(nowMs: number, { requests, tokens }: Use, most: Use): number {
    this.#turnTo(nowMs);
    if (requests > most.requests || tokens > most.tokens) return Number.POSITIVE_INFINITY;
    let heldRequests = this.#heldRequests;
    let heldTokens = this.#heldTokens;
    for (let age = BUCKETS - 1; age >= 0; age--) {
      if (heldRequests + requests <= most.requests && heldTokens + tokens <= most.tokens) {
        return age === BUCKETS - 1
          ? 0
          : this.#emptyMs(age + 1) - Math.max(nowMs, this.#newest * this.#bucketMs);
      }
      const place = placeOf(this.#newest - age);
      heldRequests -= this.#requests[place] ?? 0;
      heldTokens -= this.#tokens[place] ?? 0;
    }
    return this.#emptyMs(0) - nowMs;
  }

  /** When the bucket of an age leaves the window. */
  #emptyMs(age: number): number {
    return (this.#newest - age + BUCKETS) * this.#bucketMs;
  }

  #turnTo(nowMs: number): number {
    const present = Math.floor(nowMs / this.#bucketMs);
    const passed = Math.min(BUCKETS, present - this.#newest);
    for (let step = 0; step < passed; step++) {
      const place = placeOf(present - step);
      this.#heldRequests -= this.#requests[place] ?? 0;
      this.#heldTokens -= this.#tokens[place] ?? 0;
      this.#requests[place] = 0;
      this.#tokens[place] = 0;
    }
    if (passed === BUCKETS) {
      this.#heldRequests = 0;
      this.#heldTokens = 0;
    }
    if (passed > 0) this.#newest = present;
    return placeOf(this.#newest);
  }
}

function placeOf(bucketNumber: number): number {
  return ((bucketNumber % BUCKETS) + BUCKETS) % BUCKETS;
}

function total(held: Float64Array): number {
  let sum = 0;
  for (const one of held) sum += one;
  return sum;
}
