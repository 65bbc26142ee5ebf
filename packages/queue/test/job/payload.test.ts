import fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { JobInvalidError } from '../../src/job/errors.ts';
import { compilePayload } from '../../src/job/payload.ts';

describe('what a caller is told', () => {
  const issuesOf = (data: unknown): unknown => {
    const told = { pattern: '^[a-z]+$', errorMessage: 'must be in small letters' };
    const schema = Type.Object(
      {
        name: Type.String(told),
        wait: Type.Optional(
          Type.Union([Type.Integer(), Type.String({ pattern: told.pattern })], { errorMessage: 'must be a duration' }),
        ),
        tags: Type.Optional(
          Type.Record(Type.String({ pattern: '^[a-z~/]+$' }), Type.String(told), {
            additionalProperties: false,
            errorMessage: 'must be named in small letters',
          }),
        ),
        plain: Type.Optional(Type.Integer()),
      },
      { additionalProperties: false },
    );
    try {
      compilePayload('mail', schema)(data);
    } catch (error) {
      return (error as JobInvalidError).issues;
    }
    return [];
  };

  it.each<[string, unknown, unknown]>([
    [
      'the words of the schema, not its pattern',
      { name: 'A' },
      [{ path: '/name', message: 'must be in small letters' }],
    ],
    ['them once for all alternatives', { name: 'a', wait: true }, [{ path: '/wait', message: 'must be a duration' }]],
    [
      'them inside a record',
      { name: 'a', tags: { 'a~/': 'B' } },
      [expect.objectContaining({ message: 'must be in small letters' })],
    ],
    [
      'them about a name',
      { name: 'a', tags: { B: 'b' } },
      [{ path: '/tags/B', message: 'must be named in small letters' }],
    ],
    ['otherwise those of the validator', { name: 'a', plain: '1' }, [{ path: '/plain', message: 'must be integer' }]],
    ['what is missing', {}, [{ path: '/name', message: 'is required' }]],
    ['what is not known', { name: 'a', 'b/c': 1 }, [{ path: '/b~1c', message: 'is not a known field' }]],
    [
      'the first eight of many',
      { name: 'a', ...Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`k${n}`, 1])) },
      Array.from({ length: 8 }, (_, n) => ({ path: `/k${n}`, message: 'is not a known field' })),
    ],
    [
      'what is wrong in the small fields of large data',
      { name: 'A', plain: 'x'.repeat(100_000) },
      [{ path: '/name', message: 'must be in small letters' }],
    ],
    [
      'which large field it is, if the small ones fit',
      { name: 'A'.repeat(100_000), plain: 1 },
      [{ path: '/name', message: 'must be in small letters' }],
    ],
    [
      'which large field is not known',
      { name: 'a', other: 'x'.repeat(100_000) },
      [{ path: '/other', message: 'is not a known field' }],
    ],
    [
      'that it is too large for more',
      'x'.repeat(100_000),
      [{ path: '', message: expect.stringContaining('too large') }],
    ],
    ['nothing where it fits', { name: 'a', wait: 'b', tags: { a: 'b' } }, []],
  ])('%s', (_what, data, issues) => expect(issuesOf(data)).toEqual(issues));
});

// PostgreSQL, which the embedded queue is on, has neither U+0000 nor half of a surrogate pair: adding such a job failed
// there with an unknown error, while Redis took it.
describe('the data of a job', () => {
  const check = compilePayload('mail', Type.Unknown());

  it.each(['\0', 'a\0b', '\ud800', '\udc00a', String.raw`\ ` + '\0'])('may not hold %j, on either backend', (text) => {
    for (const data of [text, { deep: [text] }, { [text]: 1 }]) expect(() => check(data)).toThrow(JobInvalidError);
  });

  it.each(['\\u0000', '\\ud800', '\\\\u0000', '😀', '\u0001', '\uFFFD'])('may hold %j', (text) => {
    for (const data of [text, { deep: [text] }, { [text]: 1 }]) expect(() => check(data)).not.toThrow();
  });

  it('is refused exactly when a text in it cannot be stored', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('', '\0', '\ud83d', '\\u0000'), (text, more) => {
        const data = `${text}${more}`;
        const isStorable = data.isWellFormed() && !data.includes('\0');
        if (isStorable) expect(() => check(data)).not.toThrow();
        else expect(() => check(data)).toThrow(JobInvalidError);
      }),
    );
  });
});
