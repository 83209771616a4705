import { connect, type NatsConnection, RequestError, TimeoutError } from "@nats-io/transport-node";
import { CircuitBreaker, type Classify, isCircuitOpenError } from "../src/index.ts";

// Requests over NATS. That nobody answers a subject is known at once; that the answer does not come is a timeout, which
// counts as latency.

const START = "Start one, for instance with: nats-server -a 127.0.0.1 -p 4222";
const USAGE = `Usage: npx node examples/nats.ts [address]

Requests over NATS, guarded by a breaker. The address of the server is nats://127.0.0.1:4222 unless given.
${START}`;

const classify: Classify = (call) =>
  !call.ok && call.error instanceof TimeoutError ? "latency" : undefined;

const [servers = "nats://127.0.0.1:4222", ...others] = process.argv.slice(2);
if (servers === "--help" || servers === "-h") {
  console.log(USAGE);
  process.exit();
}
if (servers.startsWith("-") || others.length > 0) {
  console.error(`What is meant by ${[servers, ...others].join(" ")}?\n\n${USAGE}`);
  process.exit(2);
}

const why = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const dial = async (name: string): Promise<NatsConnection> => {
  try {
    return await connect({ servers, name });
  } catch (error) {
    console.error(`Cannot connect to a NATS server at ${servers}: ${why(error)}`);
    console.error(START);
    process.exit(1);
  }
};
const service = await dial("service");
const client = await dial("client");

/** What was sent is at the server, or the example goes on without. */
const flush = async (): Promise<void> => {
  try {
    await service.flush();
  } catch (error) {
    console.log(`not sent: ${why(error)}`);
  }
};

let isStuck = false;
const subscription = service.subscribe("orders.get", {
  callback: (_, message) => {
    if (!isStuck) message.respond(`order ${message.string()}`);
  },
});
await flush();

const breaker = new CircuitBreaker("orders", { failureThreshold: 3, classify });
breaker.on("circuit.open", ({ reason, failuresByReason }) => {
  console.log(`open: ${reason}, ${JSON.stringify(failuresByReason)}`);
});
async function order(id: string): Promise<void> {
  try {
    const reply = await breaker.call(() => client.request("orders.get", id, { timeout: 300 }));
    console.log(reply.string());
  } catch (error) {
    if (isCircuitOpenError(error)) console.log(`refused: ${error.reason}`);
    else if (error instanceof TimeoutError) console.log("no answer in time");
    else if (error instanceof RequestError && error.isNoResponders())
      console.log("nobody is there");
    else console.log(`failed: ${why(error)}`);
  }
}

await order("7");
isStuck = true;
await order("8");
subscription.unsubscribe();
await flush();
for (const id of ["9", "10", "11"]) await order(id);
await Promise.all([client.close(), service.close()]);
