import type { SerializerFactory } from '@fastify/fast-json-stringify-compiler';
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import { withoutKeywords } from '@holdfast/modules/http';

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
    const known = compiled.get(schema) ?? compile({ ...route, schema: withoutKeywords(schema, annotations) });
    compiled.set(schema, known);
    return known;
  };
}
