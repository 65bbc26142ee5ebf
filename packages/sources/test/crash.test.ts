import { describe, expect, it } from 'vitest';
import { Cache } from '@holdfast/cache';
import { UnavailableError } from '@holdfast/redis-core';
import type { RedisEngine } from '@holdfast/redis-core';
import { pagesOf, startHttp } from './http-fixture.ts';
import { openMirror } from './mirror-fixture.ts';

const before = 'abcde'.split('').map((id) => ({ id, size: 1 }));
const after = 'abcxy'.split('').map((id) => ({ id, size: 2 }));
const contentAfter = Object.fromEntries(after.map((item) => [item.id, JSON.stringify(item)]));

/** An engine that does `calls` calls and is gone then, as for a process that dies there; the data stays. */
function dyingAfter(engine: RedisEngine, calls: number): { engine: RedisEngine; died: () => boolean } {
  let made = 0;
  const proxy = new Proxy(engine, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      // What does not reach Redis works until the end.
      if (['now', 'onInvalidate', 'onAvailability'].includes(String(name))) return value.bind(target) as unknown;
      return async (...args: unknown[]): Promise<unknown> => {
        made += 1;
        if (made > calls) throw new UnavailableError('gone');
        return Reflect.apply(value, target, args) as unknown;
      };
    },
  });
  return { engine: proxy, died: () => made > calls };
}

describe.each([
  ['an index', false],
  ['an index that was evicted', true],
])('a process that dies during a sync, with %s', (_name, evicted) => {
  it('leaves nothing that the next sync does not put right, wherever it dies', async () => {
    let deaths = 0;
    for (let calls = 0; ; calls += 1) {
      let list = before;
      const { url } = await startHttp(pagesOf(() => list));
      const fixture = openMirror({ url });
      const { mirror, another, engine, keys, cache, content } = fixture;
      await mirror.sync();
      await cache.write('mine', { body: 'hands off', contentType: 'text/plain' });
      if (evicted) await engine.del([keys.sourceIndex('things')]);

      list = after;
      const dying = dyingAfter(engine, calls);
      const dyingCache = new Cache({ engine: dying.engine, keys, namespace: 'things', ttlMs: 300_000 });
      const attempt = another({ engine: dying.engine, cache: dyingCache }).sync();
      const outcome = await attempt.then(
        () => 'done',
        () => 'died',
      );
      const left = Object.keys(await content());
      // Pruning starts when everything is written: as long as something is missing, everything old is there.
      if (!left.includes('x')) expect(left).toEqual(['a', 'b', 'c', 'd', 'e', 'mine']);
      await mirror.sync();
      expect(await content(), `died after ${calls} calls`).toEqual({ ...contentAfter, mine: 'hands off' });
      expect((await mirror.state()).items).toBe(5);
      if (outcome === 'done' && !dying.died()) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThanOrEqual(8);
  });
});
