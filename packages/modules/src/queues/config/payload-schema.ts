import type { ProblemList } from '@holdfast/config/part';

/** What a JSON Schema of a payload may say. A keyword that is not known would be a promise that nobody keeps. */
const annotations = ['title', 'description', 'default', 'examples', '$comment', '$schema', 'errorMessage'];
const counts = ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'];
const numbers = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'];
const nested = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
const nestedMaps = ['properties', 'patternProperties'];
const nestedLists = ['anyOf', 'oneOf', 'allOf', 'prefixItems'];
const types = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];
const keywords = [
  'type',
  'enum',
  'const',
  'pattern',
  'format',
  'required',
  'uniqueItems',
  ...annotations,
  ...counts,
  ...numbers,
  ...nested,
  ...nestedMaps,
  ...nestedLists,
];

const maxDepth = 32;

type Mapping = Readonly<Record<string, unknown>>;

export interface PayloadSchemaOptions {
  /** Whether a keyword that is not known here passes, as those of a schema that a program makes. Default false. */
  readonly takesAnyKeyword?: boolean;
}

/** Notes every way in which `schema` is no JSON Schema that can be checked against, with the path of each. */
export function checkPayloadSchema(
  schema: unknown,
  path: string,
  problems: Pick<ProblemList, 'add'>,
  options: PayloadSchemaOptions = {},
  depth = 0,
): void {
  if (typeof schema === 'boolean' && depth > 0) return;
  if (!isMapping(schema) || depth > maxDepth) {
    problems.add(path, depth > maxDepth ? 'is nested too deeply' : 'is no JSON Schema', 'a mapping');
    return;
  }
  for (const [keyword, value] of Object.entries(schema)) {
    if (options.takesAnyKeyword === true && !keywords.includes(keyword)) continue;
    checkKeyword(keyword, value, `${path}.${keyword}`, { problems, options, depth });
  }
}

/** Where a part of a schema stands. */
interface Place {
  readonly problems: Pick<ProblemList, 'add'>;
  readonly options: PayloadSchemaOptions;
  readonly depth: number;
}

function checkKeyword(keyword: string, value: unknown, path: string, place: Place): void {
  const { problems } = place;
  const require = (holds: boolean, allowed: string): void => {
    if (!holds) problems.add(path, 'is not valid', allowed);
  };
  const isText = typeof value === 'string';
  if (!keywords.includes(keyword)) {
    problems.add(path, 'is no keyword of a JSON Schema that can be checked', keywords.join(', '));
  } else if (keyword === 'type') {
    const given: unknown[] = Array.isArray(value) ? value : [value];
    require(given.length > 0 && given.every((type) => types.includes(type as string)), types.join(', '));
  } else if (keyword === 'enum') require(Array.isArray(value) && value.length > 0, 'a list of values');
  else if (keyword === 'required') require(isTexts(value), 'a list of names');
  else if (keyword === 'pattern') require(isText && isPattern(value), 'a regular expression');
  else if (keyword === 'format') require(isText, 'the name of a format');
  else if (keyword === 'uniqueItems') require(typeof value === 'boolean', 'true or false');
  else if (counts.includes(keyword))
    require(Number.isInteger(value) && (value as number) >= 0, 'a whole number from 0');
  else if (keyword === 'multipleOf') require(Number.isFinite(value) && (value as number) > 0, 'a number above 0');
  else if (numbers.includes(keyword)) require(Number.isFinite(value), 'a number');
  else if (nested.includes(keyword)) checkPart(value, path, place);
  else if (nestedMaps.includes(keyword)) checkMap(keyword, value, path, place);
  else if (nestedLists.includes(keyword)) {
    require(Array.isArray(value) && value.length > 0, 'a list of schemas');
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) checkPart(item, `${path}.${at}`, place);
    }
  }
}

function checkPart(schema: unknown, path: string, { problems, options, depth }: Place): void {
  checkPayloadSchema(schema, path, problems, options, depth + 1);
}

function checkMap(keyword: string, value: unknown, path: string, place: Place): void {
  const { problems } = place;
  if (!isMapping(value)) {
    problems.add(path, 'is not valid', 'a mapping of schemas');
    return;
  }
  for (const [name, schema] of Object.entries(value)) {
    const at = `${path}.${/^[\w-]+$/.test(name) ? name : JSON.stringify(name.slice(0, 80))}`;
    if (keyword === 'patternProperties' && !isPattern(name)) problems.add(at, 'is no regular expression');
    checkPart(schema, at, place);
  }
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}
