import type { CircuitBreaker } from "../core/circuit-breaker.ts";
import { isData } from "../events/event-shape.ts";
import type { DashboardSettings } from "./dashboard-options.ts";
import { TOKEN_HEADER } from "./page-config.ts";

/** A request of the page, as far as it is looked at. */
export interface PageRequest {
  readonly method: string;
  header(name: string): string | null;
  /** Whether its connection comes from this machine; null when that cannot be seen. */
  readonly isLocal: boolean | null;
  /** The body; null when it is longer than the limit. */
  body(limit: number): Promise<string | null>;
}

/** What became of it. */
export interface OperatorAnswer {
  readonly status: number;
  readonly message: string;
}

const LONGEST_BODY = 4_096;
const LONGEST_REASON = 400;
const LONGEST_FOR_MS = 604_800_000;

/** What an operator asks for. */
interface Order {
  readonly action: "force_open" | "reset";
  readonly breaker: string;
  readonly reason: string;
  /** How long it is held open; undefined until somebody resets it. */
  readonly forMs: number | undefined;
}

/**
 * Does what an operator asks for, or says why not. Each order that is done is told by one event, whose note has the
 * reason and the name that the token belongs to.
 */
export async function obey(
  request: PageRequest,
  settings: DashboardSettings,
): Promise<OperatorAnswer> {
  const refused = await refusalOf(request, settings);
  if (refused !== null) return refused;
  const operator = await operatorOf(request.header(TOKEN_HEADER) ?? "", settings.operators);
  if (operator === null) return { status: 401, message: "The token is not one of an operator" };
  const text = await request.body(LONGEST_BODY);
  if (text === null) return { status: 413, message: `More than ${LONGEST_BODY} characters` };
  const order = orderOf(text);
  if (typeof order === "string") return { status: 400, message: order };
  const breaker = find(settings.breakers(), order.breaker);
  if (breaker === null) return { status: 404, message: "There is no such breaker any more" };
  return carryOut(breaker, order, operator);
}

function refusalOf(request: PageRequest, settings: DashboardSettings): OperatorAnswer | null {
  if (settings.operators.length === 0) {
    return { status: 403, message: "This service allows no actions: it names no operators" };
  }
  if (request.method !== "POST") return { status: 405, message: "Use POST" };
  if (!settings.fromAnywhere && request.isLocal !== true) {
    return { status: 403, message: "Actions are taken from this service's own machine only" };
  }
  if (!isOwnPage(request, settings)) {
    return { status: 403, message: "Actions are taken from the page of this service only" };
  }
  const type = (request.header("content-type") ?? "").split(";")[0]?.trim();
  return type === "application/json" ? null : { status: 415, message: "Send application/json" };
}

/** Whether the page that sends it is one that this service served: of its own origin, by the browser's word. */
function isOwnPage(request: PageRequest, { origins }: DashboardSettings): boolean {
  const site = request.header("sec-fetch-site");
  if (site !== null && site !== "same-origin") return false;
  const origin = request.header("origin");
  if (origin === null || !URL.canParse(origin)) return false;
  if (origins.size > 0) return origins.has(origin);
  return new URL(origin).host === request.header("host");
}

/** Who the token belongs to. Takes as long for a wrong one as for a right one. */
async function operatorOf(
  given: string,
  operators: DashboardSettings["operators"],
): Promise<string | null> {
  const digest = await digestOf(given);
  let found: string | null = null;
  for (const [name, token] of operators) {
    if (isSame(digest, await digestOf(token))) found = name;
  }
  return found;
}

const digestOf = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length;
  for (const [at, byte] of one.entries()) difference |= byte ^ (other[at] ?? 0);
  return difference === 0;
}

function orderOf(text: string): Order | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "The body is not JSON";
  }
  if (!isData(value)) return "The body must be an object";
  const { action, breaker, reason, forMs } = value;
  if (action !== "force_open" && action !== "reset") {
    return 'action must be "force_open" or "reset"';
  }
  if (typeof breaker !== "string") return "breaker must be a string";
  const why = typeof reason === "string" ? reason.trim() : "";
  if (why === "" || why.length > LONGEST_REASON) {
    return `reason must be a string of 1 to ${LONGEST_REASON} characters`;
  }
  if (forMs === undefined || forMs === null)
    return { action, breaker, reason: why, forMs: undefined };
  const isLength = typeof forMs === "number" && forMs > 0 && forMs <= LONGEST_FOR_MS;
  if (action !== "force_open" || !isLength) {
    return `forMs must be above 0 and at most ${LONGEST_FOR_MS}, for force_open only`;
  }
  return { action, breaker, reason: why, forMs };
}

/** Whether a force has changed the one that stands. */
function tells(breaker: CircuitBreaker, force: () => void): boolean {
  let isTold = false;
  const off = breaker.on("circuit.force_changed", () => {
    isTold = true;
  });
  force();
  off();
  return isTold;
}

function carryOut(breaker: CircuitBreaker, order: Order, operator: string): OperatorAnswer {
  const { action, reason, forMs } = order;
  const note = `${reason} (by ${operator})`;
  // What changes nothing is told by no event, so that it is not done either: nothing happens without a trace.
  if (action === "force_open") {
    const force = () => breaker.forceOpen(note, forMs === undefined ? {} : { forMs });
    if (breaker.state !== "forced_open") {
      force();
      return { status: 200, message: "Forced open" };
    }
    return tells(breaker, force)
      ? { status: 200, message: "Forced open anew" }
      : { status: 409, message: "It is forced open already, for this reason and to this end" };
  }
  if (breaker.openedAtMs === null) {
    return { status: 409, message: "It is not open: there is nothing to reset" };
  }
  breaker.reset(note);
  return { status: 200, message: "Reset" };
}

function find(breakers: Iterable<CircuitBreaker>, name: string): CircuitBreaker | null {
  for (const breaker of breakers) if (breaker.name === name) return breaker;
  return null;
}
