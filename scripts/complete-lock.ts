import { readFileSync, writeFileSync } from "node:fs";

// npm leaves a package out of the lock file when the registry at hand does not have it, and `npm ci` then refuses the
// lock. That happens to the builds of optional tools for platforms that a mirror does not carry. This adds what such
// an entry must say; npm skips it on every other platform. Run it after `npm install`.

interface LockEntry {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

const OS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const CPU = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"];

const file = new URL("../package-lock.json", import.meta.url);
const lock: { packages: Record<string, LockEntry> } = JSON.parse(readFileSync(file, "utf8"));
let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path] !== undefined) continue;
    lock.packages[path] = { version, ...platformOf(name), dev: true, optional: true };
    added++;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`Added ${added} packages of other platforms to package-lock.json`);

/** The platform that a build is named after: `@scope/binding-linux-arm64-musl`. */
function platformOf(name: string): { os: string[]; cpu: string[]; libc?: string[] } {
  const words = name.slice(name.indexOf("/") + 1).split("-");
  const os = OS.find((word) => words.includes(word));
  const cpu = CPU.find((word) => words.includes(word));
  if (os === undefined || cpu === undefined) {
    throw new Error(`Cannot complete package-lock.json: ${name} names no platform`);
  }
  if (os !== "linux") return { os: [os], cpu: [cpu] };
  const musl = words.some((word) => word.startsWith("musl"));
  return { os: [os], cpu: [cpu], libc: [musl ? "musl" : "glibc"] };
}
