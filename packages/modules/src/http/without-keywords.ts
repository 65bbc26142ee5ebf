/** Under these stand schemas by names, and those are no keywords. */
const byName = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs']);
/** What stands under these only looks like a schema. */
const values = new Set(['const', 'enum', 'default', 'examples']);

/** A JSON Schema without some keywords, wherever in it they stand. */
export function withoutKeywords(schema: object, keywords: ReadonlySet<string>): Record<string, unknown> {
  const inside = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inside);
    return isObject(value) ? withoutKeywords(value, keywords) : value;
  };
  const kept = Object.entries(schema).filter(([keyword]) => !keywords.has(keyword));
  return Object.fromEntries(
    kept.map(([keyword, value]: [string, unknown]) => {
      if (values.has(keyword)) return [keyword, value];
      if (byName.has(keyword) && isObject(value)) return [keyword, mapValues(value, inside)];
      return [keyword, inside(value)];
    }),
  );
}

function mapValues(byNames: object, map: (value: unknown) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(byNames).map(([name, value]: [string, unknown]) => [name, map(value)]));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
