import { channel } from 'node:diagnostics_channel';
import { createLogger } from '@holdfast/telemetry';
import { expect, it } from 'vitest';
import { logUnstored } from '../src/log-unstored.ts';

it('logs once for each namespace and reason what cannot be stored, and nothing of a Redis that fails', () => {
  const lines: unknown[] = [];
  const logger = createLogger({ service: 'test', stream: { write: (line) => void lines.push(JSON.parse(line)) } });
  const stop = logUnstored(logger);
  const publish = (namespace: string, reason: string): void =>
    channel('holdfast:cache:unstored').publish({ namespace, reason, error: new Error(`it is ${reason}`) });
  for (let call = 0; call < 3; call += 1) {
    publish('products', 'too-large');
    publish('products', 'not-serializable');
    publish('users', 'too-large');
    publish('users', 'l2-failed');
  }
  stop();
  publish('others', 'too-large');
  expect(lines).toMatchObject([
    { level: 'warn', namespace: 'products', reason: 'it is too-large' },
    { level: 'warn', namespace: 'products', reason: 'it is not-serializable' },
    { level: 'warn', namespace: 'users', reason: 'it is too-large' },
  ]);
});
