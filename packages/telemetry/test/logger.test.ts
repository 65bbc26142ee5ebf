import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogger } from '@holdfast/telemetry';

/** What one call logs, parsed. */
function logged(fields: object, message = 'm'): Record<string, unknown> {
  let line = '';
  const stream = { write: (text: string) => void (line = text) };
  createLogger({ service: 'api', version: '1.2.3', stream }).info(fields, message);
  return JSON.parse(line) as Record<string, unknown>;
}

describe('the logger', () => {
  it('writes JSON with time, level, service and version', () => {
    const { time, ...rest } = logged({ port: 3000 }, 'listening');
    expect(rest).toEqual({ level: 'info', service: 'api', version: '1.2.3', port: 3000, msg: 'listening' });
    expect(new Date(String(time)).toISOString()).toBe(time);
  });

  it('leaves out the arguments that a Redis repeats of a command that it does not know', () => {
    const err = new Error('ERR unknown command `HELLO`, with args beginning with: `3`, `AUTH`, `default`, `CANARY`, ');
    const line = JSON.stringify(logged({ err }));
    expect(line).toContain('ERR unknown command `HELLO`');
    expect(line).not.toContain('CANARY');
  });

  it('leaves out what is below its level', () => {
    const lines: string[] = [];
    createLogger({ service: 'api', level: 'warn', stream: { write: (text) => void lines.push(text) } }).info('no');
    expect(lines).toEqual([]);
  });

  it('reduces an error to what is known to be harmless, causes included', () => {
    const cause = Object.assign(new TypeError('inner'), { config: { password: 'CANARY' } });
    const error = Object.assign(new Error('outer', { cause }), { code: 'X_FAILED', request: { token: 'CANARY' } });
    const line = logged({ err: error });
    expect(line['err']).toEqual({
      type: 'Error',
      code: 'X_FAILED',
      message: 'outer',
      stack: error.stack,
      cause: { type: 'TypeError', message: 'inner' },
    });
    expect(JSON.stringify(line)).not.toContain('CANARY');
  });

  it('survives causes in a circle, and what is no error', () => {
    const error = new Error('round');
    error.cause = error;
    expect(logged({ err: error })['err']).toMatchObject({ cause: { cause: { cause: { message: 'round' } } } });
    expect(logged({ err: { password: 'CANARY' } })['err']).toBe('[no error]');
  });

  it('reduces a request to id, method and route template, and an answer to its status', () => {
    const request = {
      id: 'r1',
      method: 'GET',
      url: '/v1/cache/user/CANARY',
      headers: { authorization: 'CANARY' },
      body: 'CANARY',
      routeOptions: { url: '/v1/cache/:ns/:key' },
    };
    const line = logged({ req: request, res: { statusCode: 200, headers: { 'set-cookie': 'CANARY' } } });
    expect(line).toMatchObject({ req: { id: 'r1', method: 'GET', route: '/v1/cache/:ns/:key' }, res: { status: 200 } });
    expect(JSON.stringify(line)).not.toContain('CANARY');
    expect(logged({ req: { id: 'r2', method: 'GET', url: '/x' } })['req']).toEqual({
      id: 'r2',
      method: 'GET',
      route: 'unmatched',
    });
  });

  it.each(['headers', 'body', 'payload', 'data', 'authorization', 'password', 'token', 'apiKey', 'env', 'config'])(
    'withholds %s',
    (name) => {
      expect(logged({ [name]: { secret: 'CANARY' } })[name]).toBe('[withheld]');
    },
  );

  it('appends to a file, in a folder that it makes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-log-'));
    const file = join(folder, 'logs', 'api.log');
    createLogger({ service: 'api', file }).info('one');
    createLogger({ service: 'api', file }).info('two');
    expect(readFileSync(file, 'utf8').trim().split('\n')).toHaveLength(2);
    rmSync(folder, { recursive: true });
  });
});
