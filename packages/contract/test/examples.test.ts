import { describe, expect, it } from 'vitest';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import * as contract from '../src/index.ts';
import { errorCodes, Problem } from '../src/index.ts';

type Node = Readonly<Record<string, unknown>>;

interface Media {
  readonly schema: TSchema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: Problem }>>;
}

interface Answer {
  readonly type?: string;
  readonly examples?: readonly unknown[];
  readonly content?: Readonly<Record<string, Media>>;
}

interface Route {
  readonly operationId: string;
  readonly response: Readonly<Record<string, Answer>>;
}

const routes: Route[] = Object.values(contract).flatMap((value: unknown) => (isRoute(value) ? [value] : []));

function isRoute(value: unknown): value is Route {
  return typeof value === 'object' && value !== null && 'operationId' in value && 'response' in value;
}

const answers = routes.flatMap(({ operationId, response }) =>
  Object.entries(response).map(([status, answer]): [string, string, Answer] => [operationId, status, answer]),
);

const seen = new Set<object>();

/** Every schema in what the package exports that has examples, once, with the way to it. */
function* schemasWithExamples(node: unknown, path: string): Generator<[string, Node & { examples: unknown[] }]> {
  if (typeof node !== 'object' || node === null || seen.has(node)) return;
  seen.add(node);
  if (Array.isArray((node as Node)['examples'])) yield [path, node as Node & { examples: unknown[] }];
  for (const [name, member] of Object.entries(node)) {
    if (name !== 'examples') yield* schemasWithExamples(member, `${path}.${name}`);
  }
}

describe('an example', () => {
  const all = [...schemasWithExamples(contract, 'contract')];

  it('stands in many places', () => expect(all.length).toBeGreaterThan(60));

  it.each(all)('fits the schema that it stands in: %s', (_path, schema) => {
    for (const example of schema.examples) expect(Value.Errors(schema as TSchema, example)).toEqual([]);
  });
});

describe('an answer', () => {
  it('belongs to one of many routes', () => expect(routes.length).toBeGreaterThan(40));

  it.each(answers)('has an example: %s %s', (_route, _status, { type, examples, content }) => {
    if (type === 'null') return;
    if (content === undefined) expect(examples).toHaveLength(1);
    for (const { example, examples: byName } of Object.values(content ?? {})) {
      expect(example ?? Object.keys(byName ?? {})[0]).toBeDefined();
    }
  });

  it.each(answers.filter(([, , { content }]) => content?.['application/problem+json'] !== undefined))(
    'that is an error shows its codes: %s %s',
    (_route, status, { content }) => {
      const examples = Object.entries(content?.['application/problem+json']?.examples ?? {});
      expect(examples.length).toBeGreaterThan(0);
      for (const [code, { value }] of examples) {
        expect(Value.Errors(Problem, value)).toEqual([]);
        expect(value).toMatchObject({ code, status: Number(status), type: `urn:holdfast:error:${code}` });
        expect(errorCodes).toHaveProperty(code);
      }
    },
  );
});

describe('a format', () => {
  it('is refused where it does not hold, so that an example cannot pass by being unknown', () => {
    expect(Value.Check(contract.Source.properties.nextSync, 'tomorrow')).toBe(false);
    expect(Value.Check(contract.Source.properties.url, 'no url')).toBe(false);
  });
});

describe('a name', () => {
  const named = Object.entries(contract).filter(([name]) => /^[A-Z]/.test(name));

  it.each(named)('is that of its schema: %s', (name, schema) => {
    expect(schema).toHaveProperty('title', name);
  });

  it('of a route is its operationId', () => {
    for (const [name, value] of Object.entries(contract)) if (isRoute(value)) expect(value.operationId).toBe(name);
  });
});
