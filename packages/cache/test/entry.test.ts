import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeEntry, type NewEntry, STAMP_OF_WRITE, VALUE_TYPE } from '../src/entry.ts';
import { decodeEntry } from '../src/stored-entry.ts';

const entry: NewEntry = {
  body: '{"hello":"world"}',
  contentType: 'application/json',
  createdAt: 1_795_184_560_000,
  softExpiresAt: null,
  expiresAt: 1_795_184_860_000,
  tags: [],
  origin: null,
  negative: false,
};

const bytesOf = (encoded: string | Uint8Array): Buffer => Buffer.from(encoded as Uint8Array);

describe('the stored form', () => {
  // What is in the Redis of those who update: it must be read as long as it says HF1.
  test.each([
    [
      'a plain entry',
      'HF1TQzp3dhCqyHmUT5PaZiWmmFo--------0000000000mwp2jbls0000000000mwp2pr34----------------ej\n{"hello":"world"}',
      {
        contentType: 'application/json',
        digest: 'TQzp3dhCqyHmUT5P',
        rev: 'aZiWmmFo',
        lease: null,
        createdAt: 1_795_184_560_000,
      },
    ],
    [
      'tags, an origin, a lease, and no expiry',
      'HF1TQzp3dhCqyHmUT5PaZiWmmFotoken--10mwp2pr340mwp2jbls0mwp2pr34000000000epoch--10000001zetext/plain\t=source%3Aa\ta%20b\tc\nx',
      {
        contentType: 'text/plain',
        origin: 'source:a',
        tags: ['a b', 'c'],
        lease: { token: 'token--1', until: 1_795_184_860_000 },
        softExpiresAt: 1_795_184_860_000,
        expiresAt: null,
        stamp: { epoch: 'epoch--1', seq: 71 },
      },
    ],
  ])('is read as ever: %s', (_, stored, expected) => {
    expect(decodeEntry(Buffer.from(stored))).toMatchObject(expected);
  });

  test('is written as ever', () => {
    const [head = '', body] = bytesOf(encodeEntry(entry, null)).toString().split('\n');
    expect(head.slice(0, 19)).toBe('HF1TQzp3dhCqyHmUT5P');
    expect(head.slice(27)).toBe('--------0000000000mwp2jbls0000000000mwp2pr34----------------ej');
    expect(body).toBe(entry.body);
  });

  test.each([
    ['text/plain;\tcharset=utf-8', 'text/plain; charset=utf-8'],
    ['a/b\t;\r\n\tc=d', 'a/b ; c=d'],
  ])('keeps a content type in its line: %j', (contentType, read) => {
    const encoded = encodeEntry({ ...entry, contentType, tags: ['one'], origin: 'source:a' }, STAMP_OF_WRITE);
    const { contentType: type, tags, origin, body } = decodeEntry(bytesOf(encoded)) ?? {};
    expect({ type, tags, origin, body: String(body) }).toEqual({
      type: read,
      tags: ['one'],
      origin: 'source:a',
      body: entry.body,
    });
  });

  test('is the same for a text and for its bytes, but for the revision', () => {
    const withoutRev = (encoded: string | Uint8Array): string => {
      const text = bytesOf(encoded).toString();
      return text.slice(0, 19) + text.slice(27);
    };
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (body, contentType) => {
        const type = contentType.replaceAll(/[\t\n]/g, '');
        const asText = encodeEntry({ ...entry, body, contentType: type }, STAMP_OF_WRITE);
        const asBytes = encodeEntry({ ...entry, body: Buffer.from(body), contentType: type }, STAMP_OF_WRITE);
        expect(withoutRev(asText)).toBe(withoutRev(asBytes));
      }),
    );
  });
});

test('what is written is what is read', () => {
  const time = fc.integer({ min: 1, max: 36 ** 9 - 1 });
  const arbitrary = fc.record({
    body: fc.uint8Array({ maxLength: 40 }),
    contentType: fc.constantFrom('application/json', VALUE_TYPE, 'j+v', 'text/plain; charset="é"'),
    createdAt: time,
    softExpiresAt: fc.option(time),
    expiresAt: fc.option(time),
    tags: fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { maxLength: 3 }),
    origin: fc.option(fc.string({ unit: 'grapheme', minLength: 1 })),
    negative: fc.boolean(),
  });
  const stamp = fc.option(
    fc.record({ epoch: fc.constantFrom('epoch--1', '-------a'), seq: fc.integer({ min: 0, max: 36 ** 8 - 1 }) }),
  );
  fc.assert(
    fc.property(arbitrary, stamp, (written, seen) => {
      const read = decodeEntry(bytesOf(encodeEntry(written, seen)));
      const { body, ...rest } = written;
      expect(read).toMatchObject({ ...rest, stamp: seen, lease: null });
      expect(read?.body).toEqual(Buffer.from(body));
      expect(read?.rev).toMatch(/^[\w-]{8}$/);
    }),
  );
});

test('the digest is the beginning of SHA-256 over content type and body, whatever their size', () => {
  for (const size of [0, 1, 16 * 1024, 16 * 1024 + 1, 100_000]) {
    const body = Buffer.alloc(size, 'é');
    const expected = createHash('sha256').update('image/png\n').update(body).digest('base64url').slice(0, 16);
    expect(decodeEntry(bytesOf(encodeEntry({ ...entry, body, contentType: 'image/png' }, null)))?.digest).toBe(
      expected,
    );
  }
});

test('whatever bytes are under a key, reading them throws nothing', () => {
  const head = bytesOf(encodeEntry(entry, null)).subarray(0, 90);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(89), fc.integer({ min: 0, max: 255 }), (bytes, at, byte) => {
      decodeEntry(Buffer.from(bytes));
      const torn = Buffer.concat([head, bytes]);
      torn[at] = byte;
      decodeEntry(torn);
      decodeEntry(torn.subarray(0, at));
    }),
  );
});
