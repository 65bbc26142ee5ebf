import { describe, expect, it } from 'vitest';
import type { TSchema } from 'typebox';
import { Value } from 'typebox/value';
import * as contract from '../src/index.ts';

type Node = Readonly<Record<string, unknown>>;

/** Every schema in what the package exports that has examples, with the way to it. */
function* schemasWithExamples(node: unknown, path: string): Generator<[string, Node & { examples: unknown[] }]> {
  if (typeof node !== 'object' || node === null) return;
  if (Array.isArray((node as Node)['examples'])) yield [path, node as Node & { examples: unknown[] }];
  for (const [name, member] of Object.entries(node)) {
    if (name !== 'examples') yield* schemasWithExamples(member, `${path}.${name}`);
  }
}

describe('an example', () => {
  const all = [...schemasWithExamples(contract, 'contract')];

  it('stands in many places', () => expect(all.length).toBeGreaterThan(20));

  it.each(all)('fits the schema that it stands in: %s', (_path, schema) => {
    for (const example of schema.examples) expect(Value.Errors(schema as TSchema, example)).toEqual([]);
  });
});
