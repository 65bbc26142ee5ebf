import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createKeys, decodeKeyPart, encodeKeyPart, InvalidKeyError, isName } from '../src/index.ts';

const anyKey = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 60 })
  .filter((key) => key !== '.' && key !== '..' && Buffer.byteLength(key) <= 512);

describe('keys', () => {
  const keys = createKeys('holdfast');

  test('are laid out as documented', () => {
    expect(keys.cache('instances', 'a1')).toBe('holdfast:cache:instances:a1');
    expect(keys.cachePrefix('instances')).toBe('holdfast:cache:instances:');
    expect(keys.cachePrefix('instances', 'user:')).toBe('holdfast:cache:instances:user%3A');
    expect(keys.cacheRoot()).toBe('holdfast:cache:');
    expect(keys.cacheLease(keys.cache('instances', '{a}'))).toBe('holdfast:lease:{holdfast:cache:instances:%7Ba%7D}');
    expect(keys.access('instances', 'hits')).toBe('holdfast:access:{instances}:hits');
    expect(keys.sizes('counts')).toBe('holdfast:size:counts');
    expect(keys.sourceIndex('instances')).toBe('holdfast:source:instances:index');
    expect(keys.sourceState('instances')).toBe('holdfast:source:instances:state');
    expect(keys.folders()).toBe('holdfast:folders');
    expect(keys.jobs('http-delivery')).toBe('holdfast:jobs:{http-delivery}');
  });

  test('of the cache say their namespace', () => {
    expect(keys.cacheNamespaceOf(keys.cache('ns', 'a:b'))).toBe('ns');
    expect(keys.cacheNamespaceOf('holdfast:cache:ns')).toBeUndefined();
    expect(keys.cacheNamespaceOf('other:cache:ns:a')).toBeUndefined();
    expect(() => keys.access('a:b', 'hits')).toThrow(InvalidKeyError);
  });

  test.each([
    ['user:1', 'user%3A1'],
    ['100%', '100%25'],
    ['{tag}', '%7Btag%7D'],
    ['a*?[b]\\', 'a%2A%3F%5Bb%5D%5C'],
    ['a b\tc\n', 'a%20b%09c%0A'],
    ['\u0000\u007f\u0085', '%00%7F%C2%85'],
    ['ключ/é~', 'ключ/é~'],
  ])('%j is stored as %s', (part, encoded) => {
    expect(encodeKeyPart(part)).toBe(encoded);
    expect(decodeKeyPart(encoded)).toBe(part);
  });

  test('any key comes back as it was', () => {
    fc.assert(fc.property(anyKey, (key) => decodeKeyPart(encodeKeyPart(key)) === key));
  });

  test('no key leaves its area, chooses its slot or acts as a pattern', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const part = keys.cache('ns', key).slice('holdfast:cache:ns:'.length);
        expect(part).not.toMatch(/[:{}*?[\]\\\s\p{Cc}]/u);
      }),
    );
  });

  test('two keys never become one', () => {
    fc.assert(fc.property(anyKey, anyKey, (a, b) => (a === b) === (encodeKeyPart(a) === encodeKeyPart(b))));
  });

  test.each(['', '.', '..', 'x'.repeat(513), 'é'.repeat(257), 'a\ud800'])('refuses %j', (part) => {
    expect(() => encodeKeyPart(part)).toThrow(InvalidKeyError);
  });

  test('takes 512 bytes', () => {
    expect(encodeKeyPart('x'.repeat(512))).toHaveLength(512);
    expect(encodeKeyPart('é'.repeat(256))).toHaveLength(256);
  });

  test.each(['', 'a b', 'a:b', '{a}', 'ä', '..', 'x'.repeat(65), '*'])('%j is not a name', (name) => {
    expect(isName(name)).toBe(false);
    expect(() => keys.cache(name, 'key')).toThrow(InvalidKeyError);
  });

  test('refuses a prefix that is not a name', () => {
    expect(() => createKeys('a:b')).toThrow(InvalidKeyError);
  });
});
