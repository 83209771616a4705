import type { Tuning } from "./tuning.ts";
export async function tuningPage(_t: Tuning): Promise<string> {
  return "";
}
