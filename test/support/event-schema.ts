import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { eventsSchema, type JsonSchema, SCHEMA_ID } from "../../src/events/event-schema.ts";

/** Says what is wrong with an event, held against one version of the schema. */
export class SchemaCheck {
  readonly #ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: true });
  readonly #id: string;

  constructor(schema: JsonSchema = eventsSchema()) {
    this.#ajv.addSchema(schema);
    this.#id = String(schema["$id"] ?? SCHEMA_ID);
  }

  /** By the definition of its own type, which is much cheaper than asking all of them and says what is wrong. */
  faults(event: { readonly type: string }): readonly string[] {
    const validate = this.#ajv.getSchema(`${this.#id}#/$defs/${event.type}`);
    if (validate === undefined) return [`type: the schema has no ${event.type}`];
    return validate(event) === true ? [] : (validate.errors ?? []).map(sentence);
  }

  /** By the schema as a whole, as a stranger would use it. */
  accepts(event: unknown): boolean {
    return this.#ajv.validate(this.#id, event) === true;
  }
}

const sentence = ({ instancePath, message = "does not fit" }: ErrorObject): string =>
  `${instancePath === "" ? "event" : instancePath.slice(1)}: ${message}`;
