import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outlineJson, type JsonPart } from '../src/index.ts';

function outlined(text: string, levels: number, maxParts = 1_000_000): JsonPart {
  const outline = outlineJson(Buffer.from(text), levels, maxParts);
  if (typeof outline === 'string') throw new Error(`${outline}: ${text}`);
  return outline;
}

/** What the outline says, put together of what its innermost parts are as JSON by themselves. */
function valueOf(bytes: Buffer, part: JsonPart, levels: number): unknown {
  const first = String.fromCharCode(bytes[part.start] ?? 0);
  if (levels === 0 || !'[{'.includes(first)) return JSON.parse(bytes.subarray(part.start, part.end).toString());
  const members = part.parts.map((member): [string, unknown] => [
    member.name ?? '',
    valueOf(bytes, member, levels - 1),
  ]);
  // As JSON.parse does: `__proto__` is a name like any other, and of equal ones the last counts.
  return first === '[' ? members.map(([, value]) => value) : Object.fromEntries(members);
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map((member) => depthOf(member)));
}

function containersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Object.values(value).reduce<number>((sum, member) => sum + containersOf(member), 0);
}

describe('the outline of a JSON text', () => {
  test('says where its parts stand, whatever they are and whatever stands around them', () => {
    const text = fc.tuple(fc.jsonValue(), fc.constantFrom('', '\t', '  ')).map(([value, indent]) => {
      const space = indent === '' ? '' : '\n ';
      return `${space}${JSON.stringify(value, null, indent)}${space}`;
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 4 }), (json, levels) => {
        const bytes = Buffer.from(json);
        expect(valueOf(bytes, outlined(json, levels), levels)).toEqual(JSON.parse(json));
      }),
      { numRuns: 5000 },
    );
  });

  test('says how deep each part is, and how many objects and lists it has', () => {
    const check = (bytes: Buffer, part: JsonPart): void => {
      const value: unknown = JSON.parse(bytes.subarray(part.start, part.end).toString());
      expect(part.depth).toBe(depthOf(value));
      expect(part.containers).toBe(containersOf(value));
      for (const member of part.parts) check(bytes, member);
    };
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 4 }), (value, levels) => {
        const json = JSON.stringify(value);
        check(Buffer.from(json), outlined(json, levels));
      }),
      { numRuns: 5000 },
    );
  });

  test('knows names however they are written, and keeps them apart where they are equal', () => {
    const { parts } = outlined('{"\\u0061" : 1,"a": [2] ,"\\"}:":3,"":4,"__proto__":5}', 1);
    expect(parts.map(({ name, start, end }) => [name, end - start])).toEqual([
      ['a', 1],
      ['a', 3],
      ['"}:', 1],
      ['', 1],
      ['__proto__', 1],
    ]);
  });

  test('looks no deeper than it is asked to, and ends where there is more than it may tell', () => {
    const json = '{"items":[[1,2],[3]],"n":{}}';
    expect(outlined(json, 0).parts).toEqual([]);
    expect(outlined(json, 1).parts.map(({ parts }) => parts.length)).toEqual([0, 0]);
    expect(outlined(json, 2, 4).parts.map(({ parts }) => parts.length)).toEqual([2, 0]);
    expect(outlineJson(Buffer.from(json), 2, 3)).toBe('too many parts');
    expect(outlineJson(Buffer.from(`[${'1,'.repeat(10)}`), 1, 5)).toBe('too many parts');
  });

  test.each(['', ' ', '{', '[', '[1', '{"a":1,', '{"a', '{"a":"b', '[tru', '-', '[{"id":"a\\"]}'])(
    'knows that %j is cut off',
    (text) => {
      expect(outlineJson(Buffer.from(text), 1, 5)).toBe('cut off');
    },
  );

  test.each(['{"a":1]', '[1}', '[1,]', '{,', '<h1>', '[] x', '[x', '"\n'])(
    'knows that %j is none, whatever follows',
    (text) => {
      expect(outlineJson(Buffer.from(text), 1, 5)).toBe('invalid');
    },
  );

  test('is made of any number of levels', () => {
    expect(
      outlined(`{"a":1,"b":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 1).parts.map(({ depth }) => depth),
    ).toEqual([0, 100_000]);
  });
});
