import axios from "axios";
import { classifyHttp } from "../src/http/index.ts";
import { CircuitBreaker, isCircuitOpenError } from "../src/index.ts";
import { fakeServer } from "./fake-server.ts";

// axios throws for statuses, with the response on the error: `classifyHttp` reads it. A request that its `signal` ended
// counts as cancelled, one that took longer than its `timeout` as latency.

let status = 200;
const server = await fakeServer((_, response) => {
  response.writeHead(status, { "retry-after": "30" }).end("{}");
});

const client = axios.create({ baseURL: server.url, timeout: 5_000 });
const breaker = new CircuitBreaker("orders", { failureThreshold: 2, classify: classifyHttp });
const orders = () => breaker.call(() => client.get("/orders"));
const outcome = async (): Promise<string> => {
  try {
    return `${(await orders()).status}`;
  } catch (error) {
    if (isCircuitOpenError(error))
      return `refused, again in ${Math.ceil((error.retryAfterMs ?? 0) / 1000)} s`;
    return axios.isAxiosError(error)
      ? `error ${error.response?.status ?? error.code}`
      : String(error);
  }
};

for (status of [200, 404, 404, 429, 503, 200]) console.log(await outcome());
console.log(JSON.stringify(breaker.stats.calls));
server.stop();
