import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { NamedSchemas } from '../src/plugins/docs/named-schemas.ts';

const Owner = Type.Object({ name: Type.String() }, { title: 'Owner', description: 'Whose it is.' });
const ref = { $ref: '#/components/schemas/Owner' };

describe('schemas with a name', () => {
  it('stand once, and are referred to wherever they stood', () => {
    const named = new NamedSchemas();
    const shown = named.refer(
      Type.Object({ owner: Owner, all: Type.Array(Owner), may: Type.Union([Owner, Type.Null()]) }),
    );
    expect(shown).toMatchObject({
      properties: { owner: ref, all: { items: ref }, may: { anyOf: [ref, { type: 'null' }] } },
    });
    expect(named.all).toEqual({
      Owner: {
        type: 'object',
        properties: { name: { type: 'string' } },
        required: ['name'],
        description: 'Whose it is.',
      },
    });
  });

  it('refer to each other', () => {
    const named = new NamedSchemas();
    named.refer(Type.Object({ owner: Owner }, { title: 'Thing' }));
    expect(named.all['Thing']).toMatchObject({ properties: { owner: ref } });
    expect(Object.keys(named.all)).toEqual(['Owner', 'Thing']);
  });

  it('keep what is said of them in one place', () => {
    const named = new NamedSchemas();
    named.refer(Owner);
    expect(named.refer({ ...Owner, description: 'Who pays.' })).toEqual({ ...ref, description: 'Who pays.' });
    expect(named.refer(Owner)).toEqual(ref);
  });

  it('cannot share a name', () => {
    const named = new NamedSchemas();
    named.refer(Owner);
    expect(() => named.refer(Type.Object({ id: Type.String() }, { title: 'Owner' }))).toThrow(/are called Owner/);
  });

  it('are told from properties that are called title', () => {
    const book = Type.Object({ title: Type.String(), properties: Type.Object({ title: Owner }) });
    expect(new NamedSchemas().refer(book)).toMatchObject({
      properties: { title: { type: 'string' }, properties: { properties: { title: ref } } },
    });
  });
});
