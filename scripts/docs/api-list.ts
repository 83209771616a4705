import { readFileSync } from "node:fs";

/**
 * The public API as it stands: every export of every entry of package.json, with the members of each class. Read
 * from the built package, so that the list is what users get.
 */
export async function apiList(): Promise<string> {
  const root = new URL("../../", import.meta.url);
  const manifest: { exports: Record<string, string> } = JSON.parse(
    readFileSync(new URL("package.json", root), "utf8"),
  );
  const lines: string[] = [];
  for (const [entry, target] of Object.entries(manifest.exports)) {
    if (!target.endsWith(".js")) continue;
    const name = `telltale${entry.slice(1)}`;
    const exported: Record<string, unknown> = await import(new URL(target, root).href);
    for (const key of Object.keys(exported).sort()) {
      lines.push(`${name} ${key}: ${kindOf(exported[key])}`);
      lines.push(...membersOf(exported[key]).map((member) => `${name} ${key}#${member}`));
    }
    lines.push(...typesOf(new URL(target.replace(/\.js$/, ".d.ts"), root), name));
  }
  return `${lines.join("\n")}\n`;
}

function kindOf(value: unknown): string {
  if (typeof value !== "function") return typeof value;
  return /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "function";
}

function membersOf(value: unknown): string[] {
  if (kindOf(value) !== "class" || typeof value !== "function") return [];
  return Object.getOwnPropertyNames(value.prototype)
    .filter((member) => member !== "constructor")
    .sort();
}

/** The exported types, which are gone at run time: read from the declarations. */
function typesOf(declarations: URL, name: string): string[] {
  const text = readFileSync(declarations, "utf8");
  const exported = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([whole, list]) =>
    (list ?? "")
      .split(",")
      .map((item) => item.trim())
      .filter(
        (item) => item !== "" && (whole.startsWith("export type") || item.startsWith("type ")),
      )
      .map((item) => item.replace(/^type /, "")),
  );
  const declared = [...text.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, type]) => type);
  return [...new Set([...exported, ...declared])].sort().map((type) => `${name} ${type}: type`);
}
