import type { SerializerFactory } from '@fastify/fast-json-stringify-compiler';
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';

/** What a schema says for readers; a serializer would act on some of it. */
const annotations = new Set(['format', 'pattern', 'title', 'description', 'examples']);

/**
 * Fastify's own serializers, from schemas without what they only say: a `format` would make the serializer refuse, in the middle of
 * an answer, what a store has that is not quite so. Each schema is compiled once, however many routes answer with it.
 */
export function buildSerializer(
  externalSchemas: unknown,
  options: Parameters<SerializerFactory>[1],
): ReturnType<SerializerFactory> {
  const compile = SerializerSelector()(externalSchemas, options);
  const compiled = new WeakMap<object, ReturnType<typeof compile>>();
  return (route) => {
    const schema = route.schema as object;
    const known = compiled.get(schema) ?? compile({ ...route, schema: withoutAnnotations(schema) });
    compiled.set(schema, known);
    return known;
  };
}

/** Of a schema, or of what stands in one: names of properties are no keywords. */
function withoutAnnotations(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutAnnotations);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([keyword]) => !annotations.has(keyword))
      .map(([keyword, value]: [string, unknown]) => [
        keyword,
        isByName(keyword, value) ? eachOf(value) : withoutAnnotations(value),
      ]),
  );
}

function isByName(keyword: string, value: unknown): value is object {
  return (keyword === 'properties' || keyword === 'patternProperties') && typeof value === 'object' && value !== null;
}

function eachOf(schemas: object): object {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]: [string, unknown]) => [name, withoutAnnotations(schema)]),
  );
}
