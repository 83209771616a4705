import { Check } from "../events/check.ts";
import {
  answerRefusal,
  checkedRefusal,
  HEADERS_OF_BODY,
  type RefusalAnswer,
  type RefusalOptions,
} from "./refusal-answer.ts";

/** What is used of a response of Node's http server. */
export interface NodeAnswer {
  readonly headersSent: boolean;
  writeHead(status: number, headers: Record<string, string>): NodeAnswer;
  end(body?: string): unknown;
}

/** What is used of a response of Express. */
export interface ExpressAnswer extends NodeAnswer {
  hasHeader(name: string): boolean;
  removeHeader(name: string): unknown;
}

/** What is used of a reply of Fastify. */
export interface FastifyAnswer {
  removeHeader(name: string): unknown;
  code(status: number): FastifyAnswer;
  headers(values: Record<string, string>): FastifyAnswer;
  send(body: string): unknown;
}

/** What is used of a context of Hono. */
export interface HonoContext {
  readonly error: Error | undefined;
  res: Response;
}

/** What is used of a context of Koa. */
export interface KoaContext {
  readonly headerSent: boolean;
  status: number;
  body: unknown;
  remove(name: string): void;
  set(headers: Record<string, string>): void;
}

type Next = () => Promise<unknown>;

const answerer = (options: RefusalOptions | undefined) => {
  const settings = checkedRefusal(new Check("answer refusals"), options ?? {});
  return (error: unknown): RefusalAnswer | undefined => answerRefusal(error, settings);
};

/**
 * The answer for an error, as a `Response` for fetch-style servers (Workers, Deno, Bun): 503 with `Retry-After` and
 * problem+json when it is about a breaker's refusal, undefined when it is not.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 */
export function refusalResponse(error: unknown, options?: RefusalOptions): Response | undefined {
  const answer = answerer(options)(error);
  return answer === undefined ? undefined : responseOf(answer);
}

/**
 * An error handler of Express: a refusal that a handler threw, or passed to `next`, becomes 503 with `Retry-After` and
 * problem+json; every other error goes on. Put it behind the routes. Headers that were set before stay, but for those of
 * the body that is not sent, such as its length. Who asks is not told which breaker refused, unless `expose` says so: that
 * holds for each of these functions.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * app.get("/orders", async (_, response) => response.json(await breaker.call(fetchOrders)));
 * app.use(expressRefusals());
 */
export function expressRefusals(options?: RefusalOptions) {
  const answerFor = answerer(options);
  // Express knows error handlers by their four parameters.
  return (
    error: unknown,
    _request: unknown,
    response: ExpressAnswer,
    next: (error: unknown) => void,
  ): void => {
    const answer = answerFor(error);
    if (answer === undefined || response.headersSent) {
      next(error);
      return;
    }
    for (const name of HEADERS_OF_BODY) {
      // Node sends without a length, or without chunks, what it was told to remove, even if it was not there.
      if (response.hasHeader(name)) response.removeHeader(name);
    }
    response.writeHead(answer.status, { ...answer.headers }).end(answer.body);
  };
}

/**
 * An error handler for Fastify's `setErrorHandler`: refusals are answered, every other error goes to the handler
 * outside, by being thrown again.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * app.setErrorHandler(fastifyRefusals());
 */
export function fastifyRefusals(options?: RefusalOptions) {
  const answerFor = answerer(options);
  return (error: unknown, _request: unknown, reply: FastifyAnswer): unknown => {
    const answer = answerFor(error);
    if (answer === undefined) throw error;
    for (const name of HEADERS_OF_BODY) reply.removeHeader(name);
    return reply
      .code(answer.status)
      .headers({ ...answer.headers })
      .send(answer.body);
  };
}

/**
 * A middleware of Hono: refusals are answered, every other error is as `app.onError` left it. Hono asks its error handler
 * first, and the one that it has by itself logs each refusal: where that is too much, answer them in `app.onError`, by
 * {@link refusalResponse}, which needs no middleware.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * app.use(honoRefusals());
 * @example
 * app.onError((error, context) => refusalResponse(error) ?? context.text("Internal Server Error", 500));
 */
export function honoRefusals(options?: RefusalOptions) {
  const answerFor = answerer(options);
  return async (context: HonoContext, next: Next): Promise<void> => {
    await next();
    const answer = context.error === undefined ? undefined : answerFor(context.error);
    if (answer === undefined) return;
    const response = responseOf(answer);
    addOuterHeaders(context.res.headers, response.headers);
    // Hono adds all headers of the response that was there to one that takes its place.
    const set: { res: Response | undefined } = context;
    set.res = undefined;
    set.res = response;
  };
}

const OF_BODY: ReadonlySet<string> = new Set(HEADERS_OF_BODY);

/** What middleware around has set goes with the answer: without those of CORS no browser could read it. */
function addOuterHeaders(outer: Headers, headers: Headers): void {
  const own = new Set(headers.keys());
  for (const [name, value] of outer) {
    if (!own.has(name) && !OF_BODY.has(name)) headers.append(name, value);
  }
}

/**
 * A middleware of Koa: refusals are answered, every other error goes on. Put it before the routes.
 *
 * @throws {TypeError|RangeError} when an option is of the wrong type or outside its range
 * @example
 * app.use(koaRefusals());
 */
export function koaRefusals(options?: RefusalOptions) {
  const answerFor = answerer(options);
  return async (context: KoaContext, next: Next): Promise<void> => {
    try {
      await next();
    } catch (error) {
      const answer = answerFor(error);
      if (answer === undefined || context.headerSent) throw error;
      for (const name of HEADERS_OF_BODY) context.remove(name);
      context.status = answer.status;
      context.body = answer.body;
      // After the body, which sets a content type of its own.
      context.set({ ...answer.headers });
    }
  };
}

function responseOf({ body, status, headers }: RefusalAnswer): Response {
  return new Response(body, { status, headers });
}
