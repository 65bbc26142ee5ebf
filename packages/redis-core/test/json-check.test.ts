import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkJson, maxNesting } from '../src/index.ts';

function isParsed(bytes: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

const samples = [
  ['', ' ', '0', '-0', '01', '-', '-1', '1.', '.5', '1.5', '1e5', '1E+5', '1e-', '1e', '0.0e0', '+1', '0x1', '1 2'],
  ['""', '"a', '"\\u12g4"', '"\\uD800"', '"\\x"', '"\\"', '"\\\\"', '"\t"', '"\u007f"', '"ä😀"', "'a'", '"a"b'],
  ['[]', '[ ]', '[1,]', '[,1]', '[1 2]', '[', ']', '[]]', '[[]', '[1]x', '{}', '{ }', '{"a"}', '{"a":}', '{"a":1,}'],
  ['{a:1}', '{"a":1 "b":2}', '{"a" : 1 , "b" : [ ] }', '{"a":1]', '[1}', '{[]:1}', '{"a":{"b":{}}}', '{1:2}', '{,}'],
  ['true', 'false', 'null', 'tru', 'truex', 'nulll', 'NaN', 'Infinity', 'undefined', '\u00a01', '\ufeff1', '1\v'],
  [' \t\r\n[ \t\r\n1 \t\r\n] \t\r\n', '[1,[2,[3,{"x":[true,false,null,-1.5e+3]}]]]', '\0', '"\0"', '1\0', '[1\0]'],
].flat();
/** What JSON is made of, so that much of what is put together of it is nearly JSON. */
const piece = fc.constantFrom(
  ...Array.from('[]{},:"\\ \n0123456789.eE+-tfnu'),
  'true',
  'null',
  '"a"',
  '"a":',
  '\\u0041',
  'ä',
  '\u0001',
);

describe('bytes are JSON', () => {
  test.each(samples)('when JSON.parse says so: %j', (text) => {
    const bytes = Buffer.from(text);
    expect(checkJson(bytes)).toBe(isParsed(bytes) ? 'valid' : 'invalid');
  });

  test('when JSON.parse says so: any value, any pieces, and any value with a byte changed', () => {
    const value = fc.json().map((text) => Buffer.from(text));
    const changed = fc
      .tuple(value, fc.nat(), fc.nat(255))
      .map(([bytes, at, byte]) => Buffer.from(bytes.map((old, index) => (index === at % bytes.length ? byte : old))));
    const spaced = fc.jsonValue().map((one) => Buffer.from(JSON.stringify(one, null, '\t')));
    const pieces = fc.array(piece, { maxLength: 20 }).map((parts) => Buffer.from(parts.join('')));
    fc.assert(
      fc.property(
        fc.oneof(
          value,
          spaced,
          changed,
          pieces,
          fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        ),
        (bytes) => {
          expect(checkJson(bytes)).toBe(isParsed(bytes) ? 'valid' : 'invalid');
        },
      ),
      { numRuns: 20_000 },
    );
  });

  test('also a part of a longer Buffer', () => {
    expect(checkJson(Buffer.from('x[1]]').subarray(1, 4))).toBe('valid');
    expect(checkJson(Buffer.from('[12]').subarray(0, 3))).toBe('invalid');
  });

  test('up to so many levels', () => {
    const nested = (levels: number): Buffer => Buffer.from('['.repeat(levels) + ']'.repeat(levels));
    const objects = (levels: number): Buffer => Buffer.from('{"a":'.repeat(levels) + '1' + '}'.repeat(levels));
    for (const make of [nested, objects]) {
      expect(checkJson(make(maxNesting))).toBe('valid');
      expect(checkJson(make(maxNesting + 1))).toBe('too deep');
      expect(checkJson(make(100_000))).toBe('too deep');
    }
    expect(checkJson(Buffer.from(`"${'['.repeat(2 * maxNesting)}"`))).toBe('valid');
  });
});
