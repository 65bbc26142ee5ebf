import { describe, expect, it } from 'vitest';
import { Sources } from '@holdfast/sources';
import { sendJson } from './http-fixture.ts';
import { engineKinds, openMirror } from './mirror-fixture.ts';
import { openThings, things } from './things.ts';

describe.each(engineKinds)('a mirror on the %s engine', (kind) => {
  const open = openThings.bind(undefined, kind);

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
      const { mirror, another, clock, upstream, pages } = await open('abc');
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
      upstream.answer(pages);
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
