import type { TSchema } from 'typebox';
import { Check } from 'typebox/value';
import type { ProblemList } from './errors.ts';
import { nearest } from './nearest.ts';
import { nameAllowed } from './schema-parts.ts';

type Mapping = Readonly<Record<string, unknown>>;

/** The parts of a JSON Schema that are walked; leaves are left to the validator. */
interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Node>>;
  readonly anyOf?: readonly Node[];
  readonly allowed?: string;
  readonly const?: unknown;
}

/**
 * Notes every way in which `value` is not what `schema` asks for, with the path of each, and replies the part of it that
 * is right (so that what remains can be checked further). The validator decides about leaves; mappings are walked here,
 * because it stops after a few errors and speaks of schemas instead of settings.
 */
export function validate(schema: TSchema, value: unknown, problems: ProblemList, path = ''): unknown {
  const node = chosenVariant(schema, value);
  if (node.properties !== undefined || node.patternProperties !== undefined) {
    if (isMapping(value)) return validateMapping(node, value, problems, path);
    problems.add(path === '' ? 'holdfast.yaml' : path, 'must be a mapping', node.allowed ?? 'a mapping');
    return undefined;
  }
  if (Check(schema, value)) return value;
  problems.add(path, value === null ? 'has no value' : 'is not valid', node.allowed ?? '');
  return undefined;
}

function validateMapping(node: Node, value: Mapping, problems: ProblemList, path: string): Mapping | undefined {
  const missing = (node.required ?? []).filter((name) => !Object.hasOwn(value, name));
  for (const name of missing) {
    problems.add(join(path, name), 'is missing', node.properties?.[name]?.allowed ?? '');
  }
  const valid: [string, unknown][] = [];
  for (const [name, item] of Object.entries(value)) {
    const child = childSchema(node, name);
    if (child === undefined) {
      problems.add(join(path, name), ...unknownName(node, name));
    } else {
      const part = validate(child, item, problems, join(path, name));
      if (part !== undefined) valid.push([name, part]);
    }
  }
  // With a required part gone, the rest means nothing by itself.
  const complete = (node.required ?? []).every((name) => valid.some(([found]) => found === name));
  return complete ? Object.fromEntries(valid) : undefined;
}

function childSchema(node: Node, name: string): Node | undefined {
  if (node.properties !== undefined && Object.hasOwn(node.properties, name)) return node.properties[name];
  return Object.entries(node.patternProperties ?? {}).find(([pattern]) => new RegExp(pattern).test(name))?.[1];
}

function unknownName(node: Node, name: string): [message: string, allowed: string] {
  if (node.properties === undefined) return ['is not a valid name', nameAllowed];
  const known = Object.keys(node.properties);
  const suggestion = nearest(name, known);
  return [`is unknown${suggestion === undefined ? '' : `; did you mean ${suggestion}?`}`, known.join(', ')];
}

/** Of alternatives that are told apart by `kind`, the one that is meant. */
function chosenVariant(node: Node, value: unknown): Node {
  const variants = node.anyOf?.filter((variant) => variant.properties !== undefined) ?? [];
  const [first] = variants;
  if (first === undefined) return node;
  const kind = isMapping(value) ? value['kind'] : undefined;
  return variants.find((variant) => variant.properties?.['kind']?.const === kind) ?? first;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `a.b`, with names that would be ambiguous in quotes. */
function join(path: string, name: string): string {
  const part = /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name.slice(0, 80));
  return path === '' ? part : `${path}.${part}`;
}
