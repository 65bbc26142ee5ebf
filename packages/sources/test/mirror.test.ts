import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import type { SourceSyncEvent, SyncProgress } from '@holdfast/sources';
import { Sources } from '@holdfast/sources';
import { Latch } from '@holdfast/testing';
import { pagesOf, sendJson, startHttp } from './http-fixture.ts';
import { engineKinds, openMirror, targetOf } from './mirror-fixture.ts';
import type { MirrorFixture } from './mirror-fixture.ts';
import type { HttpFixture } from './http-fixture.ts';

interface Thing {
  id: string;
  size: number;
}

const things = (ids: string, size = 1): Thing[] => ids.split('').map((id) => ({ id, size }));
const stored = (ids: string, size = 1): Record<string, string> =>
  Object.fromEntries(things(ids, size).map((thing) => [thing.id, JSON.stringify(thing)]));

describe.each(engineKinds)('a mirror on the %s engine', (kind) => {
  let list: Thing[] = [];

  async function open(ids: string): Promise<MirrorFixture & { upstream: HttpFixture }> {
    list = things(ids);
    const upstream = await startHttp(pagesOf(() => list));
    return { ...openMirror({ url: upstream.url, target: targetOf(kind) }), upstream };
  }

  describe('sync', () => {
    it('copies every page into the cache', async () => {
      const { mirror, cache, content, upstream } = await open('edcba');
      const report = await mirror.sync();
      expect(report).toMatchObject({ fetched: 5, updated: 5, unchanged: 0, deleted: 0, failed: 0, pages: 3 });
      expect(await content()).toEqual(stored('abcde'));
      expect(upstream.requests.toSorted()).toEqual([1, 2, 3].map((page) => `/v1/things?page=${page}&size=2`));
      expect(await cache.read('a')).toMatchObject({
        contentType: 'application/json',
        ttlMs: null,
        origin: 'source:things',
      });
    });

    it('updates what changed and removes what is gone', async () => {
      const { mirror, content } = await open('abcde');
      await mirror.sync();
      list = [...things('abc'), ...things('d', 2), ...things('f')];
      expect(await mirror.sync()).toMatchObject({ fetched: 5, updated: 2, unchanged: 3, deleted: 1 });
      expect(await content()).toEqual({ ...stored('abcf'), ...stored('d', 2) });
    });

    it('counts an item that the cache evicted as updated', async () => {
      const { mirror, cache } = await open('abc');
      await mirror.sync();
      await cache.delete('b');
      expect(await mirror.sync()).toMatchObject({ updated: 1, unchanged: 2 });
      expect(await mirror.item('b')).not.toBeNull();
    });

    it('leaves alone what users put into the namespace', async () => {
      const { mirror, cache, content } = await open('abc');
      await cache.write('mine', { body: 'hands off', contentType: 'text/plain' });
      await mirror.sync();
      list = things('a');
      await cache.write('b', { body: 'mine now', contentType: 'text/plain' });
      expect(await mirror.sync()).toMatchObject({ deleted: 1 });
      expect(await content()).toEqual({ ...stored('a'), b: 'mine now', mine: 'hands off' });
      expect(await mirror.item('b')).toBeNull();
    });

    it('finds what to remove when the index was evicted', async () => {
      const { mirror, cache, engine, keys, content } = await open('abcde');
      await mirror.sync();
      await cache.write('mine', { body: 'hands off', contentType: 'text/plain' });
      await engine.del([keys.sourceIndex('things')]);
      list = things('ab');
      expect(await mirror.sync()).toMatchObject({ deleted: 3, unchanged: 2 });
      expect(await content()).toEqual({ ...stored('ab'), mine: 'hands off' });
      expect(await mirror.state()).toMatchObject({ items: 2 });
    });

    it('keeps the mirror when the upstream is suddenly empty', async () => {
      const { mirror, content } = await open('abc');
      await mirror.sync();
      list = [];
      await expect(mirror.sync()).rejects.toMatchObject({ code: 'SOURCE_EMPTY', status: 502 });
      expect(await content()).toEqual(stored('abc'));
    });

    it('keeps it too when the index was evicted besides', async () => {
      const { mirror, engine, keys, content } = await open('abc');
      await mirror.sync();
      await engine.del([keys.sourceIndex('things')]);
      list = [];
      await expect(mirror.sync()).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
      expect(await content()).toEqual(stored('abc'));
    });

    it('accepts an empty upstream while the mirror is empty, and where it is allowed', async () => {
      const empty = await open('');
      expect(await empty.mirror.sync()).toMatchObject({ fetched: 0, updated: 0, deleted: 0 });

      const upstream = await startHttp(pagesOf(() => list));
      const { mirror, content } = openMirror({
        url: upstream.url,
        source: { allowEmpty: true },
        target: targetOf(kind),
      });
      list = things('abc');
      await mirror.sync();
      list = [];
      expect(await mirror.sync()).toMatchObject({ deleted: 3 });
      expect(await content()).toEqual({});
    });

    it('reads the collection again when it moved between two pages', async () => {
      const { mirror, content, upstream } = await open('abcd');
      let moved = false;
      upstream.answer((request, response, url) => {
        // After the first page an item appears in front: "b" comes twice and "x" not at all.
        pagesOf(() => list)(request, response, url);
        if (!moved) list = [...things('x'), ...list];
        moved = true;
      });
      expect(await mirror.sync()).toMatchObject({ fetched: 5, pages: 5 });
      expect(await content()).toEqual(stored('abcdx'));
    });

    it('gives up on a collection that moves all the time, and prunes nothing by it', async () => {
      const { mirror, content, upstream } = await open('abcd');
      await mirror.sync();
      let round = 0;
      upstream.answer((request, response, url) => {
        pagesOf(() => list)(request, response, url);
        list = [{ id: `new-${(round += 1)}`, size: 1 }, ...list];
      });
      await expect(mirror.sync()).rejects.toMatchObject({ code: 'UPSTREAM_CHANGING' });
      expect(await content()).toEqual(stored('abcd'));
    });

    it('tells its progress', async () => {
      const { mirror } = await open('abcde');
      await mirror.sync();
      list = things('abcd');
      const seen: SyncProgress[] = [];
      await mirror.sync({ onProgress: (progress) => seen.push(progress) });
      expect(seen).toEqual([
        { phase: 'fetch', done: 0, total: null },
        { phase: 'fetch', done: 1, total: 2 },
        { phase: 'fetch', done: 2, total: 2 },
        { phase: 'write', done: 0, total: 4 },
        { phase: 'write', done: 4, total: 4 },
        { phase: 'prune', done: 0, total: 1 },
        { phase: 'prune', done: 1, total: 1 },
      ]);
    });

    it('publishes its outcome', async () => {
      const { mirror, upstream } = await open('abc');
      const events: SourceSyncEvent[] = [];
      const listener = (event: unknown): void => void events.push(event as SourceSyncEvent);
      subscribe('holdfast:sources:sync', listener);
      await mirror.sync();
      upstream.answer((_request, response) => sendJson(response, {}, 500));
      await expect(mirror.sync()).rejects.toThrow();
      unsubscribe('holdfast:sources:sync', listener);
      expect(events).toEqual([
        {
          source: 'things',
          outcome: 'ok',
          durationMs: expect.any(Number),
          fetched: 3,
          updated: 3,
          unchanged: 0,
          deleted: 0,
        },
        expect.objectContaining({ source: 'things', outcome: 'failed', code: 'UPSTREAM_FAILED', updated: 0 }),
      ]);
    });
  });

  describe('cancelling', () => {
    it('ends a sync that is waiting for the upstream', async () => {
      const { mirror, upstream, content } = await open('abc');
      await mirror.sync();
      const controller = new AbortController();
      upstream.answer(() => controller.abort(new Error('shutting down')));
      await expect(mirror.sync({ signal: controller.signal })).rejects.toMatchObject({
        code: 'SOURCE_SYNC_ABORTED',
        cause: expect.objectContaining({ message: 'shutting down' }),
      });
      expect(await content()).toEqual(stored('abc'));
    });

    it('ends a sync before it prunes', async () => {
      const { mirror, content } = await open('abc');
      await mirror.sync();
      list = things('a', 2);
      const controller = new AbortController();
      const onProgress = ({ phase, done, total }: SyncProgress): void => {
        if (phase === 'write' && done === total) controller.abort();
      };
      await expect(mirror.sync({ signal: controller.signal, onProgress })).rejects.toMatchObject({
        code: 'SOURCE_SYNC_ABORTED',
      });
      expect(await content()).toEqual({ ...stored('a', 2), ...stored('bc') });
    });

    it('before the start starts nothing', async () => {
      const { mirror, upstream } = await open('abc');
      await expect(mirror.sync({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'SOURCE_SYNC_ABORTED' });
      expect(upstream.requests).toEqual([]);
    });
  });

  describe('two syncs at once', () => {
    it('are one in one process', async () => {
      const { mirror, upstream } = await open('ab');
      const [first, second] = await Promise.all([mirror.sync(), mirror.sync()]);
      expect(second).toBe(first);
      expect(upstream.requests).toHaveLength(1);
      expect(await mirror.sync()).not.toBe(first);
    });

    it('are one until the last caller gives up', async () => {
      const { mirror, upstream } = await open('ab');
      const arrived = new Latch();
      const released = new Latch();
      upstream.answer((request, response, url) => {
        arrived.open();
        void released.wait().then(() => pagesOf(() => list)(request, response, url));
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
      const { mirror, upstream } = await open('ab');
      const controller = new AbortController();
      upstream.answer((request, response, url) => {
        if (controller.signal.aborted) pagesOf(() => list)(request, response, url);
        else controller.abort();
      });
      const first = mirror.sync({ signal: controller.signal });
      const cancelled = expect(first).rejects.toMatchObject({ code: 'SOURCE_SYNC_ABORTED' });
      await new Promise((resolve) => controller.signal.addEventListener('abort', resolve, { once: true }));
      expect(await mirror.sync()).toMatchObject({ fetched: 2 });
      await cancelled;
    });

    it('of two processes leave every entry in the index, when one ends while the other has yet to write', async () => {
      const { mirror, another, cache, engine, keys, content } = await open('abc');
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
      list = things('ab');
      await another().sync();
      pruned.open();
      await slowSync;
      const index = await engine.zrange(keys.sourceIndex('things'), { by: 'index', start: 0, stop: -1 });
      expect(index.map(({ member }) => member)).toEqual(Object.keys(await content()));
      await mirror.sync();
      expect(await content()).toEqual(stored('ab'));
    });

    it('of two processes leave every entry in the index, whichever was faster', async () => {
      const { mirror, another, cache, engine, keys, content } = await open('abc');
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
      list = things('ab');
      await Promise.all([slowSync, another({ cache: fast }).sync()]);
      const index = await engine.zrange(keys.sourceIndex('things'), { by: 'index', start: 0, stop: -1 });
      expect(index.map(({ member }) => member)).toEqual(expect.arrayContaining(Object.keys(await content())));
      await mirror.sync();
      expect(await content()).toEqual(stored('ab'));
    });
  });

  describe('reading', () => {
    it('an item gives the stored entry', async () => {
      const { mirror } = await open('abc');
      await mirror.sync();
      expect((await mirror.item('b'))?.body.toString()).toBe('{"id":"b","size":1}');
      expect(await mirror.item('nope')).toBeNull();
    });

    it('an item that no sync has confirmed for its soft TTL is stale, and fresh after the next', async () => {
      const { mirror, clock } = await open('abc');
      await mirror.sync();
      clock.advance(60_000);
      expect(await mirror.item('a')).toMatchObject({ stale: false });
      clock.advance(1);
      expect(await mirror.item('a')).toMatchObject({ stale: true });
      clock.advance(365 * 24 * 3_600_000);
      expect(await mirror.item('a')).toMatchObject({ stale: true });
      await mirror.sync();
      expect(await mirror.item('a')).toMatchObject({ stale: false });
    });

    it('items come page by page in the order of their ids', async () => {
      const { mirror } = await open('edcba');
      await mirror.sync();
      const first = await mirror.items({ limit: 2 });
      expect(first.items).toEqual(things('ab'));
      const second = await mirror.items({ limit: 2, cursor: first.cursor ?? '' });
      expect(second.items).toEqual(things('cd'));
      expect(await mirror.items({ limit: 2, cursor: second.cursor ?? '' })).toEqual({
        items: things('e'),
        cursor: null,
      });
      expect(await mirror.items()).toEqual({ items: things('abcde'), cursor: null });
    });

    it('items that were evicted are skipped', async () => {
      const { mirror, cache } = await open('abc');
      await mirror.sync();
      await cache.delete('b');
      expect(await mirror.items()).toEqual({ items: things('ac'), cursor: null });
    });

    it('items of an empty mirror are none', async () => {
      const { mirror } = await open('abc');
      expect(await mirror.items()).toEqual({ items: [], cursor: null });
    });

    it.each(['', 'a', '%%%', '_w'])('items after a wrong cursor (%j) are an error', async (cursor) => {
      const { mirror } = await open('abc');
      await expect(mirror.items({ cursor })).rejects.toMatchObject({ code: 'SOURCE_CURSOR_INVALID', status: 400 });
    });
  });

  describe('state', () => {
    it('is not healthy before the first sync', async () => {
      const { mirror, upstream } = await open('abc');
      expect(await mirror.state()).toEqual({
        name: 'things',
        url: `${upstream.url}/v1/things`,
        items: 0,
        healthy: false,
      });
    });

    it('holds the last report', async () => {
      const { mirror } = await open('abc');
      const report = await mirror.sync();
      expect(report.at).toBe('2026-01-01T00:00:00.000Z');
      expect(await mirror.state()).toMatchObject({ items: 3, lastSync: report, healthy: true });
    });

    it('keeps the last success beside a failure, and is shared by all processes', async () => {
      const { mirror, another, clock, upstream } = await open('abc');
      const report = await mirror.sync();
      clock.advance(1_000);
      upstream.answer((_request, response) => sendJson(response, {}, 500));
      await expect(mirror.sync()).rejects.toThrow();
      const lastError = {
        at: '2026-01-01T00:00:01.000Z',
        code: 'UPSTREAM_FAILED',
        message: expect.stringContaining('500'),
      };
      expect(await another().state()).toMatchObject({ items: 3, lastSync: report, lastError, healthy: false });
      upstream.answer(pagesOf(() => list));
      await mirror.sync();
      expect(await another().state()).toMatchObject({ lastError, healthy: true });
    });
  });
});

describe('Sources', () => {
  it('finds a mirror by its name', () => {
    const { mirror } = openMirror({ url: 'http://upstream.invalid' });
    const other = openMirror({ url: 'http://upstream.invalid', source: { name: 'others' } });
    const sources = new Sources([mirror, other.mirror]);
    expect(sources.names()).toEqual(['others', 'things']);
    expect(sources.get('things')).toBe(mirror);
    expect(() => sources.get('nope')).toThrow(expect.objectContaining({ code: 'SOURCE_UNKNOWN', status: 404 }));
  });
});

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name);
  return typeof value === 'function' ? (value.bind(target) as unknown) : value;
}
