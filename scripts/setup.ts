import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { absent, PROGRAMS } from "./programs.ts";

// Installs what the tests need beyond npm, where that is possible: as root, on a system with Debian's package manager.
// Elsewhere it says what is missing and that the tests which need it are skipped; with CI=true that is a failure.

const missing = absent();
if (missing.length > 0) install();

function install(): void {
  const packages = [...new Set(missing.map((program) => PROGRAMS[program].debian))];
  const root = process.getuid?.() === 0;
  if (root && existsSync("/usr/bin/apt-get")) {
    console.log(`Installing from Debian's packages, for the tests: ${packages.join(" ")}`);
    apt(["update", "-qq"]);
    apt(["install", "-y", "-qq", "--no-install-recommends", ...packages]);
  }
  const still = absent();
  if (still.length === 0) return;
  const names = still.map((program) => `${program} (Debian package ${PROGRAMS[program].debian})`);
  console.log(
    `Not on this machine: ${names.join(", ")}.\nThe tests that need them are skipped. To install them: sudo npm run setup`,
  );
  if (process.env["CI"] === "true" || process.env["npm_lifecycle_event"] === "setup") {
    process.exitCode = 1;
  }
}

function apt(args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync("apt-get", args, {
    encoding: "utf8",
    env: {
      ...process.env,
      DEBIAN_FRONTEND: "noninteractive",
      // The tests start their own servers, on free ports of 127.0.0.1; no service has to run beside them.
      RUNLEVEL: "1",
    },
  });
  if (status !== 0) console.error(`apt-get ${args[0]} failed:\n${stdout}${stderr}`);
}
