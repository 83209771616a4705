import got, { HTTPError } from "got";
import { classifyHttp } from "../src/http/index.ts";
import { CircuitBreaker, isCircuitOpenError } from "../src/index.ts";
import { fakeServer } from "./fake-server.ts";

// got retries by itself, inside of the breaker's one call: turned off, so that each attempt is counted. A request that its
// `signal` ended counts as cancelled, one that took longer than its `timeout` as latency.

let status = 200;
const server = await fakeServer((_, response) => {
  response.writeHead(status, { "retry-after": "30" }).end("{}");
});

const client = got.extend({ prefixUrl: server.url, retry: { limit: 0 } });
const breaker = new CircuitBreaker("orders", { failureThreshold: 2, classify: classifyHttp });
const outcome = async (): Promise<string> => {
  try {
    return `${(await breaker.call(() => client.get("orders"))).statusCode}`;
  } catch (error) {
    if (isCircuitOpenError(error))
      return `refused, again in ${Math.ceil((error.retryAfterMs ?? 0) / 1000)} s`;
    return error instanceof HTTPError ? `error ${error.response.statusCode}` : String(error);
  }
};

for (status of [200, 404, 404, 429, 503, 200]) console.log(await outcome());
console.log(JSON.stringify(breaker.stats.calls));
server.stop();
