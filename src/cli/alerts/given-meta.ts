import type { Given } from "../command-line.ts";
import { textOf } from "../text-option.ts";
import { pairsOf, refuse } from "./given-values.ts";
import type { ObjectMeta } from "./rules-file.ts";

const OBJECT_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const OBJECT_LABEL =
  /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[a-zA-Z0-9](?:[\w.-]{0,61}[a-zA-Z0-9])?$/;
const OBJECT_VALUE = /^[a-zA-Z0-9](?:[\w.-]{0,61}[a-zA-Z0-9])?$/;

/** What the object of Kubernetes is called, in which namespace, with which labels. */
export function metaOf(given: Given): ObjectMeta {
  const name = textOf(given, "name") ?? "telltale";
  if (!OBJECT_NAME.test(name)) {
    refuse("name", "be a name of Kubernetes: lower case letters, digits, - and .", name);
  }
  const namespace = textOf(given, "namespace");
  if (namespace !== undefined && !NAMESPACE.test(namespace)) {
    refuse("namespace", "be a namespace: up to 63 lower case letters, digits and -", namespace);
  }
  const labels = pairsOf(given, "object-label").map(([label, value]) => {
    const fits = OBJECT_LABEL.test(label) && OBJECT_VALUE.test(value);
    return fits
      ? [label, value]
      : refuse("object-label", "be labels of Kubernetes", `${label}=${value}`);
  });
  return { name, namespace, labels: Object.fromEntries(labels) };
}
