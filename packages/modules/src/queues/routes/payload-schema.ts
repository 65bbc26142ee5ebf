import type { QueueDefinition } from '@holdfast/queue';

const dialect = 'https://json-schema.org/draft/2020-12/schema';

/** What the data of the jobs of a queue must fit, in words that every JSON Schema validator knows. */
export function payloadSchemaOf({ payload }: QueueDefinition): Record<string, unknown> {
  return { $schema: dialect, ...(withoutMessages(payload) as object) };
}

/** Schemas by the names of properties. */
const isByName = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs']);
/** Values that only look like schemas. */
const isValue = new Set(['const', 'enum', 'default', 'examples']);

/** Without `errorMessage`, the keyword of our own: strict validators refuse a schema with one that they do not know. */
function withoutMessages(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutMessages);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword]) => keyword !== 'errorMessage')
      .map(([keyword, value]: [string, unknown]) => {
        if (isValue.has(keyword)) return [keyword, value];
        return [keyword, isByName.has(keyword) ? eachWithoutMessages(value) : withoutMessages(value)];
      }),
  );
}

function eachWithoutMessages(schemas: unknown): unknown {
  if (typeof schemas !== 'object' || schemas === null) return schemas;
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]: [string, unknown]) => [name, withoutMessages(schema)]),
  );
}
