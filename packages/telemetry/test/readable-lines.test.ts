import { createLogger } from '@holdfast/telemetry';
import { beforeEach, describe, expect, it } from 'vitest';
import { ReadableLines } from '../src/readable-lines.ts';

describe('the log on a terminal', () => {
  let shown: string;
  beforeEach(() => {
    shown = '';
  });
  const stream = new ReadableLines({ write: (text) => void (shown += text) });
  const logger = createLogger({ service: 'api', version: '1.2.3', level: 'debug', stream });
  /** Without the time of the day. */
  const lines = (): string[] =>
    shown
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));

  it('shows a request and a job at a glance', () => {
    logger.debug({ method: 'GET', route: '/v1/cache/:ns/:key', status: 404, durationMs: 1.2, reqId: 'r-1' }, 'request');
    logger.debug({ queue: 'http-delivery', job: 'try-1', event: 'completed', durationMs: 12, attempts: 2 }, 'job');
    expect(lines()).toEqual([
      'debug api    GET    /v1/cache/:ns/:key 404 1.2 ms',
      'debug api    JOB    http-delivery try-1 completed 12 ms, attempt 2',
    ]);
  });

  it('shows what happened, why, and all else that was told', () => {
    logger.warn({ connection: 'cache', reason: 'nothing listens there' }, 'Redis is away');
    logger.info({ address: 'http://127.0.0.1:3000', apiKeys: 0 }, 'ready');
    expect(lines()).toEqual([
      'warn  api    Redis is away: nothing listens there connection=cache',
      'info  api    ready address=http://127.0.0.1:3000 apiKeys=0',
    ]);
  });

  it('shows the stack of an error below its message', () => {
    logger.error({ err: new Error('broken') }, 'request failed');
    const [first, second] = lines();
    expect(first).toBe('error api    request failed: broken');
    expect(second).toMatch(/^ +at .*readable-lines\.test/);
  });

  it('shows problems one below the other, each in its line', () => {
    logger.fatal({ problems: ['a.ts:1: Expression expected', 'b.ts has\nno end'] }, 'The handlers cannot be used');
    expect(lines()).toEqual([
      'fatal api    The handlers cannot be used',
      '  a.ts:1: Expression expected',
      '  b.ts has no end',
    ]);
  });

  it('lets nobody who is named in a list do so either', () => {
    logger.warn({ queues: ['a\u009b2Kb'] }, 'odd names');
    expect(shown).not.toContain('\u009b');
    expect(lines()).toEqual([expect.stringMatching(/^warn {2}api {4}odd names queues=\["a.*b"\]$/)]);
  });

  it('lets nobody who is logged move the cursor, or make up a line', () => {
    logger.warn({ reason: 'x\u001B[2J\u001B]0;title\u0007\r\nfake line\u009B1A' }, 'odd');
    expect(lines()).toHaveLength(1);
    // oxlint-disable-next-line no-control-regex -- it is what is looked for
    expect(shown.trimEnd()).not.toMatch(/[\u0000-\u001F\u007F-\u009F]/);
  });
});
