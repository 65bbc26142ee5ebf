import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import type { SourceSyncEvent, SyncProgress } from '@holdfast/sources';
import { sendJson } from './http-fixture.ts';
import { engineKinds } from './mirror-fixture.ts';
import { openThings, stored, things } from './things.ts';

describe.each(engineKinds)('a mirror on the %s engine', (kind) => {
  const open = openThings.bind(undefined, kind);

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
      const { mirror, content, collection } = await open('abcde');
      await mirror.sync();
      collection.items = [...things('abc'), ...things('d', 2), ...things('f')];
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
      const { mirror, cache, content, collection } = await open('abc');
      await cache.write('mine', { body: 'hands off', contentType: 'text/plain' });
      await mirror.sync();
      collection.items = things('a');
      await cache.write('b', { body: 'mine now', contentType: 'text/plain' });
      expect(await mirror.sync()).toMatchObject({ deleted: 1 });
      expect(await content()).toEqual({ ...stored('a'), b: 'mine now', mine: 'hands off' });
      expect(await mirror.item('b')).toBeNull();
    });

    it('finds what to remove when the index was evicted', async () => {
      const { mirror, cache, engine, keys, content, collection } = await open('abcde');
      await mirror.sync();
      await cache.write('mine', { body: 'hands off', contentType: 'text/plain' });
      await engine.del([keys.sourceIndex('things')]);
      collection.items = things('ab');
      expect(await mirror.sync()).toMatchObject({ deleted: 3, unchanged: 2 });
      expect(await content()).toEqual({ ...stored('ab'), mine: 'hands off' });
      expect(await mirror.state()).toMatchObject({ items: 2 });
    });

    it('keeps the mirror when the upstream is suddenly empty', async () => {
      const { mirror, content, collection } = await open('abc');
      await mirror.sync();
      collection.items = [];
      await expect(mirror.sync()).rejects.toMatchObject({ code: 'SOURCE_EMPTY', status: 502 });
      expect(await content()).toEqual(stored('abc'));
    });

    it('keeps it too when the index was evicted besides', async () => {
      const { mirror, engine, keys, content, collection } = await open('abc');
      await mirror.sync();
      await engine.del([keys.sourceIndex('things')]);
      collection.items = [];
      await expect(mirror.sync()).rejects.toMatchObject({ code: 'SOURCE_EMPTY' });
      expect(await content()).toEqual(stored('abc'));
    });

    it('accepts an empty upstream while the mirror is empty, and where it is allowed', async () => {
      const empty = await open('');
      expect(await empty.mirror.sync()).toMatchObject({ fetched: 0, updated: 0, deleted: 0 });

      const { mirror, content, collection } = await open('abc', { allowEmpty: true });
      await mirror.sync();
      collection.items = [];
      expect(await mirror.sync()).toMatchObject({ deleted: 3 });
      expect(await content()).toEqual({});
    });

    it('reads the collection again when it moved between two pages', async () => {
      const { mirror, content, upstream, collection, pages } = await open('abcd');
      let moved = false;
      upstream.answer((request, response, url) => {
        // After the first page an item appears in front: "b" comes twice and "x" not at all.
        pages(request, response, url);
        if (!moved) collection.items = [...things('x'), ...collection.items];
        moved = true;
      });
      expect(await mirror.sync()).toMatchObject({ fetched: 5, pages: 5 });
      expect(await content()).toEqual(stored('abcdx'));
    });

    it('gives up on a collection that moves all the time, and prunes nothing by it', async () => {
      const { mirror, content, upstream, collection, pages } = await open('abcd');
      await mirror.sync();
      let round = 0;
      upstream.answer((request, response, url) => {
        pages(request, response, url);
        collection.items = [{ id: `new-${(round += 1)}`, size: 1 }, ...collection.items];
      });
      await expect(mirror.sync()).rejects.toMatchObject({ code: 'UPSTREAM_CHANGING' });
      expect(await content()).toEqual(stored('abcd'));
    });

    it('tells its progress', async () => {
      const { mirror, collection } = await open('abcde');
      await mirror.sync();
      collection.items = things('abcd');
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
      const { mirror, content, collection } = await open('abc');
      await mirror.sync();
      collection.items = things('a', 2);
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
});
