import { Agent, interceptors, request } from "undici";
import { breakerInterceptor } from "../src/http/index.ts";
import { isCircuitOpenError } from "../src/index.ts";
import { fakeServer } from "./fake-server.ts";

// A dispatcher with a breaker for each host; everything that uses the dispatcher is guarded.

let status = 200;
const server = await fakeServer((_, response) => {
  response.writeHead(status, { "retry-after": "30" }).end("answer");
});

const guard = breakerInterceptor({ defaults: { failureThreshold: 2 } });
const dispatcher = new Agent().compose(interceptors.redirect({ maxRedirections: 3 }), guard);
const outcome = async (): Promise<string> => {
  try {
    const { statusCode, body } = await request(server.url, { dispatcher });
    await body.dump();
    return `${statusCode}`;
  } catch (error) {
    if (!isCircuitOpenError(error)) throw error;
    return `refused, again in ${Math.ceil((error.retryAfterMs ?? 0) / 1000)} s`;
  }
};

for (status of [200, 404, 429, 503, 200]) console.log(await outcome());
for (const breaker of guard.breakers) console.log(JSON.stringify(breaker.stats.calls));
await dispatcher.destroy();
server.stop();
