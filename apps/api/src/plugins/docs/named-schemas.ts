import type { Node } from './nodes.ts';
import { isNode, mapValues } from './nodes.ts';
import { plainUnion } from './plain-unions.ts';

/** Under these stand schemas by the names of properties. */
const byName = new Set(['properties', 'patternProperties']);
/** Under these stand schemas. */
const inside = new Set(['items', 'additionalProperties', 'anyOf', 'oneOf', 'allOf', 'not', 'contains']);

const isName = /^[A-Z][A-Za-z0-9]*$/;

/**
 * The schemas of an OpenAPI document that have a name (a `title` such as `Job`), each once, and references where they stood. Routes have
 * them in full: their serializers and validators need no look at others.
 */
export class NamedSchemas {
  readonly #known = new Map<string, { readonly shape: string; readonly schema: Node }>();

  /** By name, in the order of the names. */
  get all(): Readonly<Record<string, Node>> {
    const sorted = [...this.#known].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(sorted.map(([name, { schema }]) => [name, schema]));
  }

  /** The same schema with references. @throws Error where two schemas have one name */
  refer(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((each) => this.refer(each));
    if (!isNode(schema)) return schema;
    const { title, ...referring } = this.#withReferences(plainUnion(schema));
    if (typeof title !== 'string' || !isName.test(title))
      return { ...(title !== undefined && { title }), ...referring };
    const { description, examples: _examples, example: _example, ...shape } = referring;
    const known = this.#known.get(title) ?? { shape: JSON.stringify(shape), schema: referring };
    if (known.shape !== JSON.stringify(shape)) throw new Error(`Two schemas of the API are called ${title}.`);
    this.#known.set(title, known);
    const says = description !== undefined && description !== known.schema['description'];
    return { $ref: `#/components/schemas/${title}`, ...(says && { description }) };
  }

  #withReferences(schema: Node): Node {
    return mapValues(schema, (value, keyword) => {
      if (inside.has(keyword)) return this.refer(value);
      return byName.has(keyword) && isNode(value) ? mapValues(value, (property) => this.refer(property)) : value;
    });
  }
}
