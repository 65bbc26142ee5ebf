import { randomBytes } from 'node:crypto';
import { createEngine, createKeys, MemoryEngine, type RedisEngine } from '@holdfast/redis-core';
import { FaultProxy, useRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeEntry, STAMP_OF_WRITE, type NewEntry } from '../src/entry.ts';
import { BodyMemory, Cache } from '../src/index.ts';
import { calm } from './engines.ts';

const megabyte = 1024 * 1024;
const keys = createKeys('body');
const contentType = 'application/octet-stream';

function entryOf(body: Buffer, tags: readonly string[] = []): NewEntry {
  const times = { createdAt: 0, softExpiresAt: null, expiresAt: null };
  return { ...times, body, contentType, tags, origin: null, negative: false };
}

function filled(memory: BodyMemory, bytes: number, content = randomBytes(bytes)): Buffer {
  const body = memory.allocate(bytes);
  content.copy(body);
  return body;
}

describe('an entry of a body from this memory', () => {
  test('is made in it, and is the same as one that is not', () => {
    const body = filled(new BodyMemory(), megabyte);
    const copied = encodeEntry(entryOf(Buffer.from(body)), null) as Buffer;
    const made = encodeEntry(entryOf(body), null) as Buffer;
    expect(made.buffer).toBe(body.buffer);
    // All but what is random in a head.
    expect(made.subarray(27).equals(copied.subarray(27))).toBe(true);
    expect(made.subarray(0, 19).equals(copied.subarray(0, 19))).toBe(true);
  });

  test('has memory of its own when it is the second, or its head is too long', () => {
    const memory = new BodyMemory();
    const body = filled(memory, megabyte);
    const first = encodeEntry(entryOf(body), null) as Buffer;
    const before = Buffer.from(first);
    const second = encodeEntry(entryOf(body, ['tag']), STAMP_OF_WRITE) as Buffer;
    expect(second.buffer).not.toBe(body.buffer);
    expect(first.equals(before)).toBe(true);
    const tagged = filled(memory, megabyte);
    const long = encodeEntry(entryOf(tagged, ['x'.repeat(256), 'y'.repeat(256)]), STAMP_OF_WRITE) as Buffer;
    expect(long.buffer).not.toBe(tagged.buffer);
    expect(long.subarray(-megabyte).equals(tagged)).toBe(true);
  });
});

describe('the memory of a body', () => {
  const { host, port, db } = useRedis();
  const memory = new BodyMemory();
  let engine: RedisEngine;
  let cache: Cache;

  beforeAll(async () => {
    engine = createEngine({ name: 'body', ...calm, target: { kind: 'standalone', host, port, db } });
    cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000 });
    await engine.time();
  });
  afterAll(() => engine.close());

  test('is used again once Redis has the entry, for bodies of about its size', async () => {
    const contents = [900_000, 890_000, 910_000].map((bytes) => randomBytes(bytes));
    const wholes = new Set<unknown>();
    for (const [index, content] of contents.entries()) {
      const body = filled(memory, content.length, content);
      wholes.add(body.buffer);
      await cache.write(`k${index}`, { body, contentType }, { createOnly: index > 0 });
    }
    expect(wholes.size).toBe(1);
    expect(memory.allocate(4 * megabyte).buffer).not.toBe([...wholes][0]);
    for (const [index, content] of contents.entries()) {
      expect((await cache.read(`k${index}`))?.body.equals(content)).toBe(true);
    }
  });

  test('is not used again while the write may still be on its way', async () => {
    const proxy = await FaultProxy.listen({ host, port });
    const target = { kind: 'standalone', host: proxy.host, port: proxy.port, db } as const;
    const slow = createEngine({ name: 'slow', ...calm, retryAttempts: 0, commandTimeoutMs: 200, target });
    try {
      await slow.time({ deadlineMs: 60_000 });
      proxy.blackhole();
      const body = filled(memory, 2 * megabyte);
      const own = new Cache({ engine: slow, keys, namespace: 'ns', ttlMs: 60_000 });
      await expect(own.write('slow', { body, contentType })).rejects.toMatchObject({ status: 503 });
      expect(memory.allocate(2 * megabyte).buffer).not.toBe(body.buffer);
    } finally {
      await slow.close();
      await proxy.close();
    }
  });

  test('stays with the memory engine, which holds what it was given', async () => {
    const own = new MemoryEngine();
    const embedded = new Cache({ engine: own, keys, namespace: 'ns', ttlMs: 60_000 });
    const content = randomBytes(3 * megabyte);
    await embedded.write('k', { body: filled(memory, content.length, content), contentType });
    filled(memory, content.length);
    expect((await embedded.read('k'))?.body.equals(content)).toBe(true);
    await own.close();
  });

  test('is kept up to 64 MB', async () => {
    const own = new BodyMemory();
    const bodies = Array.from({ length: 10 }, () => filled(own, 7 * megabyte));
    for (const [index, body] of bodies.entries()) await cache.write(`large${index}`, { body, contentType });
    expect(own.freeBytes).toBeGreaterThan(50 * megabyte);
    expect(own.freeBytes).toBeLessThanOrEqual(64 * megabyte);
  });
});
