import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { clockOf, maxRetryAfterMs, retryAfterMs } from '../../src/queues/delivery/retry-after.ts';
import { webhookHeaders } from '../../src/queues/delivery/sign.ts';

const whsec = (text: string): string => `whsec_${Buffer.from(text).toString('base64')}`;
const current = whsec('the secret of today, 32 bytes ok');
const previous = whsec('the one before it, also 32 bytes');
const other = whsec('somebody else, who knows nothing');

describe('the signature of a delivery', () => {
  const body = '{"hello":"wörld"}';

  it('is what the library of Standard Webhooks accepts', () => {
    const headers = webhookHeaders('job:1', body, { secrets: [current] });
    expect(new Webhook(current).verify(body, headers)).toEqual({ hello: 'wörld' });
    expect(() => new Webhook(other).verify(body, headers)).toThrow(/No matching signature/);
    expect(() => new Webhook(current).verify(body.replace('w', 'W'), headers)).toThrow(/No matching signature/);
  });

  it('is there once for each secret while they are rotated, so that receivers with either accept it', () => {
    const headers = webhookHeaders('job:1', body, { secrets: [current, previous] });
    expect(headers['webhook-signature']).toMatch(/^v1,[\w+/]{43}= v1,[\w+/]{43}=$/);
    for (const secret of [current, previous]) expect(() => new Webhook(secret).verify(body, headers)).not.toThrow();
    expect(() => new Webhook(other).verify(body, headers)).toThrow(/No matching signature/);
  });

  it('is the same as before where one secret is left', () => {
    const now = (): number => 1_700_000_000_000;
    const both = webhookHeaders('job:1', body, { secrets: [current, previous], now })['webhook-signature'] ?? '';
    expect(webhookHeaders('job:1', body, { secrets: [previous], now })['webhook-signature']).toBe(both.split(' ')[1]);
  });

  it('is not there without a secret, but id and time are', () => {
    const headers = webhookHeaders('job:1', body, { secrets: [], now: () => 1_700_000_000_999 });
    expect(headers).toEqual({ 'webhook-id': 'job:1', 'webhook-timestamp': '1700000000' });
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');

  it.each<[string | undefined, number | undefined]>([
    ['120', 120_000],
    [' 1 ', 1000],
    ['Sun, 01 Mar 2026 12:00:30 GMT', 30_000],
    ['Sunday, 01-Mar-26 12:00:30 GMT', 30_000],
    ['0', undefined],
    ['Sun, 01 Mar 2026 11:59:00 GMT', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['2026-03-01', undefined],
    ['Sun, nonsense', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is a wait of %j ms', (value, expected) => {
    expect(retryAfterMs(value, now, () => 0)).toBe(expected);
  });

  it('puts a job off for an hour at most', () => {
    expect(retryAfterMs('999999999999999', now, () => 0)).toBe(maxRetryAfterMs);
    expect(retryAfterMs('Sun, 01 Mar 2037 12:00:00 GMT', now, () => 0)).toBe(maxRetryAfterMs);
  });

  it('spreads those that were sent away together, never before their time', () => {
    expect(retryAfterMs('100', now, () => 0.999)).toBeCloseTo(109_990, -1);
    for (let round = 0; round < 50; round += 1) expect(retryAfterMs('100', now)).toBeGreaterThanOrEqual(100_000);
  });

  it('is by the clock of the receiver where it names a time, whatever that of the worker shows', () => {
    const wrong = Date.parse('Sun, 01 Mar 2037 11:50:00 GMT');
    expect(clockOf('Sun, 01 Mar 2037 12:00:00 GMT', wrong)).toBe(Date.parse('Sun, 01 Mar 2037 12:00:00 GMT'));
    for (const none of [undefined, '', 'soon', '5']) expect(clockOf(none, wrong)).toBe(wrong);
  });
});
