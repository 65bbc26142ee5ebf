import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { monitor, PlainRedis, startRedis, uniquePrefix, useRedis, type RedisServer } from '@holdfast/testing';
import { parseMonitorLine } from '../src/monitor-line.ts';

describe('monitor', () => {
  let redis: RedisServer;
  let client: PlainRedis;
  beforeAll(async () => {
    redis = await startRedis();
    client = await PlainRedis.connect(`${redis.url}/3`);
  });
  afterAll(async () => {
    client.close();
    await redis.stop();
  });

  it('sees client commands with their arguments, database and address, and nothing of its own', async () => {
    const seen = await monitor(redis.url);
    await client.send('SET', 'key "quoted" \\ \n\r\t\u0007\b', 'größe 🙂');
    await client.send('GET', 'k');
    await seen.settle();
    expect(seen.commands()).toEqual([
      ['SET', 'key "quoted" \\ \n\r\t\u0007\b', 'größe 🙂'],
      ['GET', 'k'],
    ]);
    expect(seen.entries()[0]).toMatchObject({ db: 3, addr: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    expect(seen.count('get')).toBe(1);
    seen.reset();
    await seen.settle();
    expect(seen.count()).toBe(0);
    await seen.stop();
  });

  it('counts what scripts run apart', async () => {
    const seen = await monitor(redis.url);
    await client.send('EVAL', "redis.call('SET', KEYS[1], '1') return redis.call('GET', KEYS[1])", '1', 'k');
    await seen.settle();
    expect(seen.commands().map(([name]) => name)).toEqual(['EVAL']);
    expect(seen.scriptCommands()).toEqual([
      ['SET', 'k', '1'],
      ['GET', 'k'],
    ]);
    await seen.stop();
  });

  it('misses nothing that was replied to before settle was called', async () => {
    const seen = await monitor(redis.url);
    await Promise.all(Array.from({ length: 2_000 }, (_, index) => client.send('SET', `k${index}`, 'v')));
    await seen.settle();
    expect(seen.count('SET')).toBe(2_000);
    await seen.stop();
  });

  it('keeps only what the filter takes on a Redis that others use', async () => {
    const prefix = uniquePrefix('monitor');
    const { url } = useRedis();
    const seen = await monitor(url, { where: ({ argv }) => argv.some((argument) => argument.includes(prefix)) });
    const other = await PlainRedis.connect(url);
    await other.send('GET', 'foreign');
    await other.send('GET', `${prefix}:k`);
    await seen.settle();
    expect(seen.commands()).toEqual([['GET', `${prefix}:k`]]);
    other.close();
    await seen.stop();
  });

  it('works behind a password', async () => {
    const locked = await startRedis({ args: ['--requirepass', 'geheim'] });
    const url = locked.url.replace('//', '//:geheim@');
    const seen = await monitor(url);
    await seen.settle();
    expect(seen.count()).toBe(0);
    await seen.stop();
    await expect(monitor(locked.url)).rejects.toThrow(/NOAUTH/);
    await locked.stop();
  });
});

describe('parseMonitorLine', () => {
  it.each([
    ['+1.5 [0 127.0.0.1:1] "GET" "k"', { at: 1.5, db: 0, addr: '127.0.0.1:1', argv: ['GET', 'k'] }],
    ['1.5 [2 [::1]:80] "GET" "a] \\"b"', { at: 1.5, db: 2, addr: '[::1]:80', argv: ['GET', 'a] "b'] }],
    ['1.5 [0 lua] "SET" "k" ""', { at: 1.5, db: 0, addr: 'lua', argv: ['SET', 'k', ''] }],
    ['1.5 [0 unix:/tmp/redis.sock] "PING"', { at: 1.5, db: 0, addr: 'unix:/tmp/redis.sock', argv: ['PING'] }],
    ['1.5 [0 lua] "SET" "\\xc3\\xa4\\\\x41"', { at: 1.5, db: 0, addr: 'lua', argv: ['SET', 'ä\\x41'] }],
  ])('reads %s', (line, expected) => {
    expect(parseMonitorLine(line)).toEqual(expected);
  });

  it('knows what is no command', () => {
    expect(parseMonitorLine('+OK')).toBeUndefined();
  });
});
