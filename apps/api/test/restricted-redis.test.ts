import { documentedRights, eventually, HidingProxy, startRedis, type RedisServer } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startApi, type Api } from './fixture.ts';
import { leftOut, takeTour, type Stop } from './rest-tour.ts';

interface Health {
  readonly status: string;
  readonly redis: { readonly healthy: boolean; readonly limits: readonly { readonly kind: string }[] };
}

/** What went wrong: also what one answer says of one of its items. */
function failed(stops: readonly Stop[]): readonly Stop[] {
  return stops.filter(
    ({ status, body }) => status >= 500 || ((body as { failed?: unknown } | undefined)?.failed ?? 0) !== 0,
  );
}

describe('a Redis that refuses what can be done without', () => {
  let redis: RedisServer;
  let api: Api | undefined;
  beforeEach(async () => {
    redis = await startRedis();
  });
  afterEach(async () => {
    await api?.close();
    await redis.stop();
  });

  it.each([
    ['by the rights that an application usually has', ['clock', 'tracking']],
    ['because a proxy before it does not know them', ['clock', 'tracking']],
  ])('%s, serves every route, and is healthy', async (how, limits) => {
    const user = ['on', '>secret', '~*', '-@all', '+@read', '+@write', '+@scripting', '+@connection'];
    await redis.command('ACL', 'SETUSER', 'app', ...user);
    const proxy = await HidingProxy.listen(redis, ['CLIENT', 'INFO', 'TIME', 'MULTI', 'EXEC', 'CONFIG']);
    try {
      const url = how.startsWith('by') ? redis.url.replace('//', '//app:secret@') : proxy.url;
      api = await startApi({ redis: { url }, env: { NOVITA_API_BASE_URL: 'http://127.0.0.1:9/' } });
      const at = await api.app.listen({ port: 0 });
      expect(await leftOut(at)).toEqual([]);
      expect(failed(await takeTour(at))).toEqual([]);
      const health = await eventually(async () => {
        const read = (await (await fetch(`${at}/health`)).json()) as Health;
        expect(read.redis.limits.map(({ kind }) => kind)).toEqual(expect.arrayContaining(limits));
        return read;
      });
      expect(health).toMatchObject({ status: 'ok', redis: { healthy: true } });
    } finally {
      await api?.close();
      api = undefined;
      await proxy.close();
    }
  });

  it('and nothing, by the rules that are documented: every route works, and Redis denies no command', async () => {
    await redis.command('ACL', 'SETUSER', 'holdfast', ...documentedRights('secret'));
    await redis.command('ACL', 'LOG', 'RESET');
    const url = redis.url.replace('//', '//holdfast:secret@');
    api = await startApi({
      redis: { url },
      env: { NOVITA_API_BASE_URL: 'http://127.0.0.1:9/', REDIS_KEY_PREFIX: 'holdfast' },
    });
    const at = await api.app.listen({ port: 0 });
    await eventually(() => expect(api?.runtime.engines.cache.trackingEpoch).toBeGreaterThan(0));
    expect(failed(await takeTour(at))).toEqual([]);
    expect(await (await fetch(`${at}/health`)).json()).toMatchObject({ status: 'ok', redis: { limits: [] } });
    expect(await redis.command('ACL', 'LOG')).toEqual([]);
  });
});
