import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { heaviest, InnerWork, PlainRedis, startRedis, type RedisServer } from '@holdfast/testing';

describe('the work inside a command', () => {
  let redis: RedisServer;
  let client: PlainRedis;
  let work: InnerWork;
  beforeAll(async () => {
    redis = await startRedis();
    client = await PlainRedis.connect(redis.url);
    work = await InnerWork.on(redis.url);
    const fill = `
      for n = 1, 1000 do
        redis.call('RPUSH', 'list', n)
        redis.call('ZADD', 'set', n, 'm' .. n)
        redis.call('XADD', 'stream', n .. '-1', 'n', n)
        redis.call('HSET', 'hash', n, n)
      end`;
    await client.send('EVAL', fill, '0');
  });
  afterAll(async () => {
    client.close();
    work.close();
    await redis.stop();
  });

  it.each<[string, number]>([
    ['LRANGE list 0 -1', 1000],
    ['LRANGE list -10 -1', 10],
    ['LRANGE list 995 2000', 5],
    ['ZREVRANGE set 0 99 WITHSCORES', 100],
    ['ZRANGEBYSCORE set -inf +inf', 1000],
    ['ZRANGEBYSCORE set -inf +inf LIMIT 0 5', 5],
    ['ZREVRANGEBYSCORE set +inf -inf WITHSCORES LIMIT 300 5', 305],
    ['XRANGE stream - + COUNT 7', 7],
    ['XRANGE stream - +', 1000],
    ['XREAD COUNT 5 STREAMS stream 0', 5],
    ['LPOS list 7', 1000],
    ['LPOS list 7 MAXLEN 20', 20],
    ['LREM list 0 nobody', 1000],
    ['HGETALL hash', 1000],
    ['HMGET hash 1 2 3', 3],
    ['SCAN 0 COUNT 50', 50],
    ['ZSCORE set m1', 1],
    ['GET nothing', 1],
    ['EVAL local~all=redis.call("LRANGE","list",0,-1)~redis.call("ZCARD","set")~return~#all 0', 1001],
    ['LTRIM list 0 989', 10],
    ['DEL hash', 1000],
  ])('%s: %i elements', async (line, elements) => {
    const { commands } = await work.of(async () =>
      client.send(...line.split(' ').map((one) => one.replaceAll('~', ' '))),
    );
    expect(commands.map((one) => one.elements)).toEqual([elements]);
  });

  it('is told apart from that of other commands, and the heaviest is found', async () => {
    const { commands } = await work.of(async () => {
      await client.send('EVAL', "for n = 1, 50 do redis.call('LINDEX', 'list', n) end", '0');
      await client.send('LRANGE', 'list', '0', '199');
      await client.send('EVAL', 'return 1', '0');
    });
    expect(commands.map((one) => [one.commands, one.elements])).toEqual([
      [51, 50],
      [1, 200],
      [1, 0],
    ]);
    expect(heaviest(commands)?.argv[0]).toBe('LRANGE');
  });
});
