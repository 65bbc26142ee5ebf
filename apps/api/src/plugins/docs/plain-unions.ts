import type { Node } from './nodes.ts';
import { isNode } from './nodes.ts';

const scalars = new Set<unknown>(['string', 'integer', 'number', 'boolean']);

/**
 * A union as it is read most easily: several texts are one `enum`, and what may be null besides is a `type` of two, as OpenAPI 3.1
 * has it. (TypeBox makes an alternative of each, and the messages of validation are made of those.)
 */
export function plainUnion(schema: Node): Node {
  const { anyOf, ...others } = schema;
  if (!Array.isArray(anyOf) || !anyOf.every(isNode)) return schema;
  const texts = anyOf.filter(isTexts);
  const values = texts.flatMap((text) => text['enum'] as string[]);
  const merged = anyOf.flatMap((each) => {
    if (!isTexts(each)) return [each];
    return each === texts[0] ? [{ type: 'string', enum: values }] : [];
  });
  const given = merged.filter(({ type }) => type !== 'null');
  const [only] = given;
  if (only === undefined || given.length > 1) return { ...others, anyOf: merged };
  if (given.length === merged.length) return { ...only, ...others };
  if (!scalars.has(only['type'])) return { ...others, anyOf: merged };
  const orNull = Array.isArray(only['enum']) ? { enum: [...(only['enum'] as unknown[]), null] } : {};
  return { ...only, ...orNull, ...others, type: [only['type'], 'null'] };
}

function isTexts(schema: Node): boolean {
  const known = Object.keys(schema).every((keyword) => keyword === 'type' || keyword === 'enum');
  return known && schema['type'] === 'string' && Array.isArray(schema['enum']);
}
