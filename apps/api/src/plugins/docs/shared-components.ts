import { NamedSchemas } from './named-schemas.ts';
import type { Node } from './nodes.ts';
import { isNode, mapValues } from './nodes.ts';

const problemType = 'application/problem+json';

/** An OpenAPI document in which what many operations have stands once: schemas with a name, and examples of errors by their code. */
export function withSharedComponents(document: Node): Node {
  const schemas = new NamedSchemas();
  const examples = new Map<string, unknown>();

  const media = (value: unknown, contentType: string): unknown => {
    if (!isNode(value)) return value;
    const { schema, examples: given, ...others } = value;
    return {
      ...others,
      ...(schema !== undefined && { schema: schemas.refer(schema) }),
      ...(given !== undefined && { examples: contentType === problemType ? shared(given) : given }),
    };
  };
  const shared = (given: unknown): unknown =>
    isNode(given)
      ? mapValues(given, (example, code) => {
          examples.set(code, example);
          return { $ref: `#/components/examples/${code}` };
        })
      : given;
  const withContent = (value: unknown): unknown =>
    isNode(value) && isNode(value['content']) ? { ...value, content: mapValues(value['content'], media) } : value;
  const parameter = (value: unknown): unknown =>
    isNode(value) && value['schema'] !== undefined ? { ...value, schema: schemas.refer(value['schema']) } : value;
  const operation = (value: unknown): unknown => {
    if (!isNode(value)) return value;
    const { parameters, requestBody, responses } = value;
    return {
      ...value,
      ...(Array.isArray(parameters) && { parameters: parameters.map(parameter) }),
      ...(requestBody !== undefined && { requestBody: withContent(requestBody) }),
      ...(isNode(responses) && { responses: mapValues(responses, withContent) }),
    };
  };

  const { paths, components } = document;
  const shown = isNode(paths) ? mapValues(paths, (path) => (isNode(path) ? mapValues(path, operation) : path)) : {};
  return {
    ...document,
    paths: shown,
    components: {
      ...(isNode(components) ? components : {}),
      schemas: schemas.all,
      examples: Object.fromEntries([...examples].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    },
  };
}
