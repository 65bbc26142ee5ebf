import { describe, expect, it } from 'vitest';
import { plainUnion } from '../src/plugins/docs/plain-unions.ts';

const text = (value: string): object => ({ type: 'string', enum: [value] });
const nothing = { type: 'null' };

describe('a union in the document', () => {
  it.each([
    ['of texts is an enum', [text('a'), text('b')], { type: 'string', enum: ['a', 'b'] }],
    ['of one thing is that', [{ type: 'integer', minimum: 0 }], { type: 'integer', minimum: 0 }],
    [
      'with null is a type of two',
      [{ type: 'integer', minimum: 0 }, nothing],
      { type: ['integer', 'null'], minimum: 0 },
    ],
    [
      'of texts with null has both',
      [text('a'), nothing, text('b')],
      { type: ['string', 'null'], enum: ['a', 'b', null] },
    ],
    [
      'of texts and numbers has two alternatives',
      [text('a'), text('b'), { type: 'integer' }],
      { anyOf: [{ type: 'string', enum: ['a', 'b'] }, { type: 'integer' }] },
    ],
    ['of an object and null stays', [{ type: 'object' }, nothing], { anyOf: [{ type: 'object' }, nothing] }],
    ['of texts with a bound stays', [{ type: 'string', maxLength: 3 }, text('abcd')], undefined],
  ])('%s', (_what, anyOf, plain) => {
    expect(plainUnion({ description: 'd', anyOf })).toEqual({ description: 'd', ...(plain ?? { anyOf }) });
  });
});
