import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { CircuitBreaker, type Classify, isCircuitOpenError } from "../src/index.ts";

// gRPC has status codes of its own: what says that the server is in trouble counts, what says that the request is wrong
// does not.

const classify: Classify = (call) => {
  if (call.ok || !(call.error instanceof Error) || !("code" in call.error)) return undefined;
  switch (call.error.code) {
    case status.DEADLINE_EXCEEDED:
      return "latency";
    case status.CANCELLED:
      return "cancelled";
    case status.UNAVAILABLE:
    case status.RESOURCE_EXHAUSTED:
    case status.INTERNAL:
    case status.UNKNOWN:
    case status.DATA_LOSS:
      return "error";
    default:
      return "success";
  }
};

const PATH = "/orders.Orders/Get";
const text = (bytes: Buffer): string => bytes.toString();
const bytes = (value: string): Buffer => Buffer.from(value);
const definition: ServiceDefinition = {
  get: {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: text,
    responseSerialize: bytes,
    responseDeserialize: text,
  },
};

let answer: status = status.OK;
const server = new Server();
server.addService(definition, {
  get(call: { readonly request: string }, reply: (error: object | null, value?: string) => void) {
    if (answer === status.OK) reply(null, `order ${call.request}`);
    // What never answers runs into the deadline.
    else if (answer !== status.DEADLINE_EXCEEDED) reply({ code: answer, details: status[answer] });
  },
});
const port = await new Promise<number>((resolve, reject) => {
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
});

const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
const breaker = new CircuitBreaker("orders", { failureThreshold: 2, classify });
const order = (id: string): Promise<string> =>
  breaker.call(
    () =>
      new Promise<string>((resolve, reject) => {
        const deadline = Date.now() + 2_000;
        client.makeUnaryRequest(
          PATH,
          bytes,
          text,
          id,
          { deadline },
          (error: ServiceError | null, value) =>
            error === null ? resolve(value ?? "") : reject(error),
        );
      }),
  );

const isServiceError = (error: unknown): error is ServiceError =>
  error instanceof Error && "code" in error && typeof error.code === "number";

const answers = [
  status.OK,
  status.NOT_FOUND,
  status.INVALID_ARGUMENT,
  status.DEADLINE_EXCEEDED,
  status.UNAVAILABLE,
  status.OK,
];
for (answer of answers) {
  try {
    console.log(await order("7"));
  } catch (error) {
    if (isCircuitOpenError(error)) console.log(`refused: ${error.reason}`);
    else if (isServiceError(error)) console.log(status[error.code]);
    else throw error;
  }
}
console.log(JSON.stringify(breaker.stats.calls));
client.close();
server.forceShutdown();
