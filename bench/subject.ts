import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Bench } from "./question.ts";

type Telltale = typeof import("../src/index.ts");

/** Our package as it is published: compiled, not the sources. */
export async function telltale({ buildDir }: Bench): Promise<Telltale> {
  return await import(pathToFileURL(join(buildDir, "index.js")).href);
}

/** One exporter as it is published, or undefined while it does not exist. */
export async function exporter({ buildDir }: Bench, name: string): Promise<object | undefined> {
  const file = join(buildDir, "exporters", `${name}.js`);
  return existsSync(file) ? await import(pathToFileURL(file).href) : undefined;
}

/** A limit that no run reaches: the breaker stays closed whatever happens. */
export const NEVER_TRIPS = 1_000_000_000;
/** A cooldown that no run outlives, in milliseconds. */
export const STAYS_OPEN_MS = 3_600_000;

const value = 1;
/** The guarded call of every cell. */
export const asyncFn = async (): Promise<number> => value;
export const isValue = (result: number): boolean => result === value;

/** Thrown by every failing call; made once, because what it costs to make is the caller's affair. */
export const BOOM = new Error("boom");
export const failingFn = async (): Promise<number> => {
  throw BOOM;
};
export const isBoom = (thrown: unknown): boolean => thrown === BOOM;
