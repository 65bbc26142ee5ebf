import { describe, expect, it } from 'vitest';
import { Latch } from '@holdfast/testing';
import { engineKinds } from './mirror-fixture.ts';
import { openThings, stored, things } from './things.ts';

describe.each(engineKinds)('a mirror on the %s engine', (kind) => {
  const open = openThings.bind(undefined, kind);

  describe('two syncs at once', () => {
    it('are one in one process', async () => {
      const { mirror, upstream } = await open('ab');
      const [first, second] = await Promise.all([mirror.sync(), mirror.sync()]);
      expect(second).toBe(first);
      expect(upstream.requests).toHaveLength(1);
      expect(await mirror.sync()).not.toBe(first);
    });

    it('are one until the last caller gives up', async () => {
      const { mirror, upstream, pages } = await open('ab');
      const arrived = new Latch();
      const released = new Latch();
      upstream.answer((request, response, url) => {
        arrived.open();
        void released.wait().then(() => pages(request, response, url));
      });
      const first = new AbortController();
      const cancelled = expect(mirror.sync({ signal: first.signal })).rejects.toMatchObject({
        code: 'SOURCE_SYNC_ABORTED',
      });
      const second = mirror.sync();
      await arrived.wait();
      first.abort();
      await cancelled;
      released.open();
      expect(await second).toMatchObject({ fetched: 2 });
    });

    it('do not join one that was cancelled', async () => {
      const { mirror, upstream, pages } = await open('ab');
      const controller = new AbortController();
      upstream.answer((request, response, url) => {
        if (controller.signal.aborted) pages(request, response, url);
        else controller.abort();
      });
      const first = mirror.sync({ signal: controller.signal });
      const cancelled = expect(first).rejects.toMatchObject({ code: 'SOURCE_SYNC_ABORTED' });
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve, { once: true }));
      expect(await mirror.sync()).toMatchObject({ fetched: 2 });
      await cancelled;
    });

    it('of two processes leave every entry in the index, when one ends while the other has yet to write', async () => {
      const { mirror, another, cache, engine, keys, content, collection } = await open('abc');
      await mirror.sync();
      const fetched = new Latch();
      const pruned = new Latch();
      const slow = new Proxy(cache, {
        get: (target, name) =>
          name === 'writeMany'
            ? async (...args: Parameters<typeof cache.writeMany>) => {
                fetched.open();
                await pruned.wait();
                return target.writeMany(...args);
              }
            : bound(target, name),
      });
      const slowSync = another({ cache: slow }).sync();
      await fetched.wait();
      collection.items = things('ab');
      await another().sync();
      pruned.open();
      await slowSync;
      const index = await engine.zrange(keys.sourceIndex('things'), { by: 'index', start: 0, stop: -1 });
      expect(index.map(({ member }) => member)).toEqual(Object.keys(await content()));
      await mirror.sync();
      expect(await content()).toEqual(stored('ab'));
    });

    it('of two processes leave every entry in the index, whichever was faster', async () => {
      const { mirror, another, cache, engine, keys, content, collection } = await open('abc');
      await mirror.sync();
      // The slow process has read "c" before it disappeared and writes it while the fast one removes it.
      const deleted = new Latch();
      const written = new Latch();
      const slow = new Proxy(cache, {
        get: (target, name) =>
          name === 'writeMany'
            ? async (...args: Parameters<typeof cache.writeMany>) => {
                await deleted.wait();
                const result = await target.writeMany(...args);
                written.open();
                return result;
              }
            : bound(target, name),
      });
      const fast = new Proxy(cache, {
        get: (target, name) =>
          name === 'deleteMany'
            ? async (...args: Parameters<typeof cache.deleteMany>) => {
                const result = await target.deleteMany(...args);
                deleted.open();
                await written.wait();
                return result;
              }
            : bound(target, name),
      });
      const fetched = new Latch();
      const slowSync = another({ cache: slow }).sync({
        onProgress: ({ phase }) => phase === 'write' && fetched.open(),
      });
      await fetched.wait();
      collection.items = things('ab');
      await Promise.all([slowSync, another({ cache: fast }).sync()]);
      const index = await engine.zrange(keys.sourceIndex('things'), { by: 'index', start: 0, stop: -1 });
      expect(index.map(({ member }) => member)).toEqual(expect.arrayContaining(Object.keys(await content())));
      await mirror.sync();
      expect(await content()).toEqual(stored('ab'));
    });
  });
});

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}
