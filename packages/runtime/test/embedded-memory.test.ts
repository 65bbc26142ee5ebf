import { describe, expect, it } from 'vitest';
import { embeddedCacheBytes } from '../src/embedded-memory.ts';

const MiB = 1024 * 1024;

describe('the cache of embedded mode', () => {
  it.each([
    { limit: 384, cache: 48 },
    { limit: 512, cache: 64 },
    { limit: 1024, cache: 128 },
    { limit: 2048, cache: 256 },
    { limit: 65_536, cache: 256 },
  ])('is $cache MiB where the process may use $limit MiB', ({ limit, cache }) => {
    expect(embeddedCacheBytes(limit * MiB)).toBe(cache * MiB);
  });

  it('is refused where the process would be killed, with what it needs and what to do', () => {
    expect(() => embeddedCacheBytes(256 * MiB)).toThrow(
      'Embedded mode needs 384 MiB of memory, and this process may use 256 MiB: raise its limit, or set REDIS_URL,',
    );
  });
});
