import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const run = promisify(execFile);
const root = new URL("../../", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "telltale-package-"));

/** The machine's own Node, before the pinned one that npm scripts put first. */
function machineNode(): string {
  const places = (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter((place) => !place.includes("node_modules"));
  const found = places.map((place) => join(place, "node")).find((file) => existsSync(file));
  return found ?? process.execPath;
}

beforeAll(async () => {
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], {
    cwd: root,
  });
  const packed: unknown = JSON.parse(stdout);
  const file = JSON.stringify(packed).match(/"filename":"([^"]+)"/)?.[1];
  if (file === undefined) throw new Error(`npm pack named no file: ${stdout}`);
  const target = join(folder, "node_modules", "telltale");
  mkdirSync(target, { recursive: true });
  await run("tar", ["-xzf", join(folder, file), "-C", target, "--strip-components=1"]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the packed package on the machine's own Node", () => {
  test("guards calls, trips, refuses and recovers", async () => {
    const script = `
      import { CircuitBreaker, createEventBus, isCircuitOpenError, EVENTS } from "telltale";
      const told = [];
      const bus = createEventBus({ instance: "smoke" });
      const breaker = new CircuitBreaker("smoke", { bus, failureThreshold: 2, cooldownMs: 0 });
      bus.on("circuit.*", (event) => told.push(event.type));
      const boom = () => Promise.reject(new Error("boom"));
      await breaker.execute(boom);
      await breaker.execute(boom);
      const value = await breaker.call(() => 42);
      breaker.forceOpen("smoke");
      const refused = await breaker.call(() => 42).catch((error) => isCircuitOpenError(error));
      console.log(JSON.stringify({ value, refused, told, state: breaker.state, events: Object.keys(EVENTS).length > 10 }));
    `;
    writeFileSync(join(folder, "smoke.mjs"), script);
    const { stdout, stderr } = await run(machineNode(), [join(folder, "smoke.mjs")]);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      value: 42,
      refused: true,
      told: [
        "circuit.failure",
        "circuit.progress",
        "circuit.failure",
        "circuit.open",
        "circuit.half_open",
        "circuit.success",
        "circuit.probe",
        "circuit.close",
        "circuit.open",
        "circuit.skip",
      ],
      state: "forced_open",
      events: true,
    });
  });

  test("the core loads without any dependency", async () => {
    // Nothing but telltale lies in this node_modules: a third-party import would fail here.
    const { stdout } = await run(
      machineNode(),
      [
        "--input-type=module",
        "-e",
        'import("telltale").then((t) => console.log(Object.keys(t).sort().join()))',
      ],
      { cwd: folder },
    );
    // The checked-in list of the public API, without types and members.
    const listed = readFileSync(join(root, "test", "api.txt"), "utf8");
    const values = [...listed.matchAll(/^telltale (\w+): (?!type$)\w+$/gm)].map(([, name]) => name);
    expect(values).toContain("CircuitBreaker");
    expect(stdout.trim()).toBe(values.join());
  });

  test("the schema of the events is one of its files", async () => {
    const { stdout } = await run(
      machineNode(),
      [
        "--input-type=module",
        "-e",
        'import("telltale/events.schema.json", { with: { type: "json" } }).then(({ default: schema }) => console.log(schema.$id))',
      ],
      { cwd: folder },
    );
    expect(stdout.trim()).toBe("urn:telltale:events:v1");
  });

  test("the live page is part of it, and needs no esbuild", async () => {
    const script = `
      import { CircuitBreaker } from "telltale";
      import { serveDashboard } from "telltale/http";
      const { respond } = serveDashboard(new CircuitBreaker("payments"));
      const response = await respond(new Request("http://127.0.0.1/"));
      console.log(response.status, response.headers.get("content-security-policy"), (await response.text()).length);
    `;
    writeFileSync(join(folder, "page.mjs"), script);
    const { stdout } = await run(machineNode(), [join(folder, "page.mjs")]);
    expect(stdout).toMatch(/^200 default-src 'none'; script-src 'sha256-\S+'; .* \d{5,}\n$/);
  });

  test("the command runs", async () => {
    const { stdout } = await run(machineNode(), [
      join(folder, "node_modules/telltale/dist/cli/main.js"),
      "--help",
    ]);
    expect(stdout).toContain("demo");
  });
});
