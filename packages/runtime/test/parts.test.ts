import { channel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { createLogger } from '@holdfast/telemetry';
import { spawnNode } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { consoleToLog } from '../src/console-to-log.ts';
import { logLibraryErrors } from '../src/log-library-errors.ts';
import { readConfig } from '../src/read-config.ts';
import { version } from '../src/version.ts';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

describe('logLibraryErrors', () => {
  let lines: Line[];
  let stop: () => void;
  let now: number;
  beforeEach(() => {
    lines = [];
    now = 1_000_000;
    const logger = createLogger({ service: 'test', stream: { write: (line) => void lines.push(JSON.parse(line)) } });
    stop = logLibraryErrors(logger, () => now);
  });
  afterEach(() => stop());

  const fail = (queue: string, part: string, error: Error): void =>
    channel('holdfast:queue:error').publish({ queue, part, error });
  const refused = (): Error =>
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), { code: 'ECONNREFUSED' });

  it('logs what the libraries publish, until it is told to stop', () => {
    fail('mail', 'consumer', new Error('the script failed'));
    const node = { connection: 'cache', node: '10.0.0.7:6379' };
    channel('holdfast:redis:node').publish({ ...node, available: false, reason: 'it has not answered for 710 ms' });
    channel('holdfast:redis:node').publish({ ...node, available: true });
    channel('holdfast:queue:availability').publish({ available: false, reason: 'the thread died' });
    channel('holdfast:queue:availability').publish({ available: true });
    expect(lines).toEqual([
      expect.objectContaining({ level: 'warn', msg: 'queue error', queue: 'mail', part: 'consumer' }),
      expect.objectContaining({ level: 'warn', node: '10.0.0.7:6379', reason: 'it has not answered for 710 ms' }),
      expect.objectContaining({ level: 'info', msg: 'a master of the cluster is back', node: '10.0.0.7:6379' }),
      expect.objectContaining({ level: 'warn', msg: 'the store of the queues is away', reason: 'the thread died' }),
      expect.objectContaining({ level: 'info', msg: 'the store of the queues is open' }),
    ]);
    expect(JSON.stringify(lines[0])).toContain('the script failed');
    stop();
    channel('holdfast:redis:availability').publish({ connection: 'cache', available: true });
    expect(lines).toHaveLength(5);
  });

  it('says once what a Redis refuses, however many connections there are, and that it grants it', () => {
    const limit = (connection: string, news: object): void =>
      channel('holdfast:redis:limit').publish({ connection, address: 'redis://127.0.0.1:6379', ...news });
    const reason = 'TIME is refused: times are those of the clock of this process (NOPERM)';
    limit('cache', { kind: 'clock', reason });
    limit('durable', { kind: 'clock', reason });
    limit('cache', { kind: 'clock' });
    limit('durable', { kind: 'clock' });
    expect(lines).toEqual([
      expect.objectContaining({ level: 'warn', connection: 'cache', limit: 'clock', reason }),
      expect.objectContaining({ level: 'info', connection: 'cache', limit: 'clock' }),
    ]);
  });

  const redis = (connection: string, news: object): void => {
    const name = connection === 'queue' ? 'holdfast:queue:availability' : 'holdfast:redis:availability';
    channel(name).publish({ connection, address: 'redis://127.0.0.1:6379', ...news });
  };
  const told = (): unknown[] => lines.map(({ level, msg, reason, awayMs }) => ({ level, msg, reason, awayMs }));

  it('says once that a Redis went and once, as loudly, that it is back, however many connections there are', () => {
    for (const connection of ['cache', 'durable', 'queue']) redis(connection, { available: true });
    for (const connection of ['queue', 'cache', 'durable']) {
      redis(connection, { available: false, reason: 'gone', fault: 'closed' });
      redis(connection, { available: false, reason: 'nothing listens', fault: 'refused' });
    }
    now += 12_000;
    for (const connection of ['cache', 'durable', 'queue']) redis(connection, { available: true });
    expect(told()).toEqual([
      { level: 'info', msg: 'Redis is connected' },
      { level: 'warn', msg: 'Redis is away', reason: 'gone' },
      { level: 'warn', msg: 'Redis is back', awayMs: 12_000 },
    ]);
  });

  it('does not call it an outage when access is refused', () => {
    redis('cache', { available: false, reason: 'nothing listens', fault: 'refused' });
    redis('cache', { available: false, reason: 'wants a password', fault: 'password-wanted' });
    redis('durable', { available: false, reason: 'wants a password', fault: 'password-wanted' });
    redis('queue', { available: false, reason: 'the connection was lost', fault: 'closed' });
    for (const connection of ['cache', 'durable', 'queue']) redis(connection, { available: true });
    expect(told()).toEqual([
      { level: 'warn', msg: 'Redis is away', reason: 'nothing listens' },
      { level: 'error', msg: 'Redis refuses access', reason: 'wants a password' },
      { level: 'error', msg: 'Redis is back', awayMs: 0 },
    ]);
  });

  it('logs that the outbox refuses jobs or sets them aside, and not that it takes them', () => {
    const publish = (event: string, code?: string): void =>
      channel('holdfast:queue:outbox').publish({ queue: 'mail', event, count: 1, code });
    publish('accepted');
    publish('forwarded');
    for (let n = 0; n < 3; n += 1) publish('refused', 'OUTBOX_FULL');
    publish('set-aside', 'JOB_INVALID');
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'error',
        msg: expect.stringMatching(/refused/) as unknown,
        code: 'OUTBOX_FULL',
      }),
      expect.objectContaining({ level: 'error', msg: expect.stringMatching(/set aside/) as unknown, queue: 'mail' }),
    ]);
  });

  // An outage of 20 s filled the logs of a worker with 218 stacks of refused connections.
  it('leaves it to the line about the outage that connections are refused, however many are tried', () => {
    const wrongPassword = Object.assign(new Error('WRONGPASS invalid username-password pair'), { name: 'ReplyError' });
    for (let second = 0; second < 180; second += 1) {
      for (const queue of ['mail', 'sync']) {
        for (const error of [refused(), wrongPassword, new Error('Connection is closed.')])
          fail(queue, 'consumer', error);
      }
      now += 1000;
    }
    expect(lines).toEqual([]);
  });

  it('says once a minute, without a stack, which command Redis forbids', () => {
    const forbidden = Object.assign(new Error("NOPERM this user has no permissions to run the 'evalsha' command"), {
      name: 'ReplyError',
    });
    for (let second = 0; second < 120; second += 1) {
      fail('mail', 'consumer', forbidden);
      now += 1000;
    }
    expect(lines.map(({ level, count }) => ({ level, count }))).toEqual([
      { level: 'error', count: 1 },
      { level: 'error', count: 60 },
    ]);
    expect(JSON.stringify(lines)).not.toContain('stack');
  });

  it('repeats no argument of a command that Redis does not know', () => {
    fail('mail', 'consumer', new Error('ERR unknown command `EVALSHA`, with args beginning with: `sha`, `CANARY`, '));
    expect(lines).toHaveLength(1);
    expect(JSON.stringify(lines)).not.toContain('CANARY');
  });

  it('tells different errors apart, but not by the job that they are about', () => {
    fail('mail', 'consumer', new Error('Missing lock for job 17. moveToFinished'));
    fail('mail', 'consumer', new Error('Missing lock for job d6ffda21-06dd-428c-bcb0-0a8b7fe84157. moveToFinished'));
    fail('mail', 'consumer', new Error('Missing key for job 17. moveToDelayed'));
    fail('sync', 'consumer', new Error('Missing lock for job 17. moveToFinished'));
    expect(lines).toHaveLength(3);
  });

  it('does not call a connection lost that was closed', () => {
    channel('holdfast:redis:availability').publish({ connection: 'cache', available: false, reason: 'closed' });
    expect(lines).toEqual([]);
  });
});

describe('consoleToLog', () => {
  it('logs what a library writes to the console once a minute, until it is told to stop', () => {
    const lines: Line[] = [];
    let now = 0;
    const logger = createLogger({ service: 'test', stream: { write: (line) => void lines.push(JSON.parse(line)) } });
    const stop = consoleToLog(logger, () => now);
    for (let connection = 0; connection < 12; connection += 1) {
      console.warn('[WARN] This Redis server does not require a password, but %s was supplied', 'one');
    }
    now = 61_000;
    console.warn('[WARN] This Redis server does not require a password, but %s was supplied', 'one');
    stop();
    const reason = '[WARN] This Redis server does not require a password, but one was supplied';
    expect(lines.map(({ level, reason, count }) => ({ level, reason, count }))).toEqual([
      { level: 'warn', reason, count: 1 },
      { level: 'warn', reason, count: 12 },
    ]);
  });
});

describe('readConfig', () => {
  it('replies the configuration', () => {
    expect(readConfig({ NODE_ENV: 'test', PORT: '4000' }, '/').server.port).toBe(4000);
  });

  it('prints every problem without a stack, and ends the process with 1', async () => {
    const source = new URL('../src/read-config.ts', import.meta.url).href;
    const script = `import('${source}').then(({ readConfig }) => readConfig({ PORT: 'x', CACHE_TIMEOUT: 'y' }, '/'))`;
    const node = spawnNode('-', { execArgs: ['--conditions=@holdfast/source', '-e', script] });
    expect(await node.exited).toEqual({ code: 1, signal: null });
    const output = node.lines.join('\n');
    expect(output).toContain('PORT');
    expect(output).toContain('CACHE_TIMEOUT');
    expect(output).not.toMatch(/^\s+at /m);
  });
});

describe('version', () => {
  it('is the one of the package', () => {
    const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
    expect(version).toBe((JSON.parse(text) as { version: string }).version);
  });
});
