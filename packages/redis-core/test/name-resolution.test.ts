import dns, { type LookupAddress } from 'node:dns';
import { eventually, FaultProxy, uniquePrefix, useRedis } from '@holdfast/testing';
import { describe, expect, test, vi } from 'vitest';
import { createEngine, UnavailableError } from '../src/index.ts';

/** What `dns.lookup` calls when it is asked for all addresses. */
type Resolved = (error: Error | null, addresses?: LookupAddress[]) => void;

describe('a server that is known by a name', () => {
  test('that resolves only later is used from then on, and again after the resolver was away', async () => {
    const name = 'redis.resolves-later.invalid';
    const proxy = await FaultProxy.listen(useRedis().url);
    const key = uniquePrefix();
    let address: string | undefined;
    const resolve = dns.lookup;
    // The resolver of this machine, but for one name.
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((host: string, options: object, done: Resolved) => {
      if (host !== name) return resolve(host, options, done as never);
      if (address !== undefined) return done(null, [{ address, family: 4 }]);
      return done(Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' }));
    }) as unknown as typeof dns.lookup);
    const target = { kind: 'standalone', host: name, port: proxy.port } as const;
    const late = createEngine({ name: 'late', target, commandTimeoutMs: 600_000 });
    try {
      await expect(late.mget([key])).rejects.toThrow(/ENOTFOUND/);
      expect(late.status).toMatchObject({ available: false, reason: expect.stringContaining('ENOTFOUND') });
      address = '127.0.0.2';
      // Resolves, but nobody is there yet.
      await eventually(() => expect(late.status.reason).toContain('ECONNREFUSED'));
      address = proxy.host;
      await eventually(() => expect(late.status.available).toBe(true));
      expect(await late.set(key, '1')).toMatchObject({ stored: true });
      expect((await late.mget([key]))[0]?.toString()).toBe('1');
      // Lost while the name is unknown again: calls fail, and it is back by itself.
      address = undefined;
      proxy.resetAll();
      await eventually(() => expect(late.status.reason).toContain('ENOTFOUND'));
      await expect(late.mget([key])).rejects.toThrow(UnavailableError);
      address = proxy.host;
      await eventually(() => expect(late.status.available).toBe(true));
      expect(await late.set(key, '2')).toMatchObject({ stored: true });
    } finally {
      lookup.mockRestore();
      await late.close();
      await proxy.close();
    }
  });

  test('that does not resolve fails calls before their deadlines, and says so', async () => {
    const lost = createEngine({
      name: 'lost',
      target: { kind: 'standalone', host: 'redis.does-not-exist.invalid', port: 6379 },
      commandTimeoutMs: 600_000,
    });
    try {
      await expect(lost.mget(['a'])).rejects.toThrow(/ENOTFOUND|EAI_AGAIN|connecting took/);
      await expect(lost.mget(['a'])).rejects.toThrow(UnavailableError);
      expect(lost.status).toMatchObject({ available: false, breaker: 'open' });
    } finally {
      await lost.close();
    }
  });
});
