import { guardFetch, healthChecks } from "../src/http/index.ts";
import { BreakerRegistry, refusalOf, retry } from "../src/index.ts";
import { fakeServer } from "./fake-server.ts";

// The platform's fetch with a breaker for each route, and a retry of what may be done twice.

let isWell = true;
const server = await fakeServer((request, response) => {
  if (isWell) response.end(`well: ${request.url}`);
  else response.writeHead(503, { "retry-after": "20" }).end();
});

const registry = new BreakerRegistry({ defaults: { failureThreshold: 3 } });
registry.on("circuit.open", ({ breaker, error }) => {
  console.log(`open: ${breaker.replace(/^\S+ /, "")} (${error?.message})`);
});
const guarded = guardFetch(fetch, {
  registry,
  routes: ["/users/:id"],
  policy: retry("api", {
    attempts: 2,
    backoff: { initialMs: 5, maxMs: 10 },
    maxRetryAfterMs: 1_000, // who has to wait longer is told so
  }),
});

console.log(await (await guarded(`${server.url}/users/7`)).text());
isWell = false;
for (let call = 1; call <= 3; call++) await guarded(`${server.url}/users/${call}`);
try {
  await guarded(`${server.url}/users/8`, { context: { delivery: "d-8" } });
} catch (error) {
  const refusal = refusalOf(error); // the cause of a retry that gave up on it
  if (refusal === undefined) throw error;
  console.log(
    `refused: ${refusal.reason}, again in ${Math.ceil((refusal.retryAfterMs ?? 0) / 1000)} s`,
  );
}
isWell = true;
console.log(await (await guarded(`${server.url}/elsewhere`)).text());
console.log(`readiness: ${healthChecks(registry).readiness.report().status}`);
server.stop();
