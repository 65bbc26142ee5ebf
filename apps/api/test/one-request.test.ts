import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { denseKinds, joined, requestLoad } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bulkRequests, jobRequests, smallRequests, type HeavyRequest } from './load/heavy-bodies.ts';
import { type Measured, type MeasuredApi, startMeasured } from './load/measured-api.ts';

const { isFull, bytes, factor } = requestLoad();
const kinds = isFull ? Object.keys(denseKinds) : ['names', 'levels'];
const MiB = 1024 * 1024;
/** What the heap has kept free by then, and what the garbage collector lets lie for a while. */
const slackBytes = 48 * MiB;

/**
 * Whatever is in the body of one request, others get their turn and the process lives on, with the heap that it has in its image.
 * `REQUEST_LOAD=full` sends everything that is known to be dense, and lets no more pass than a quiet machine needs.
 */
// Where there is no /proc, the memory of a process cannot be asked for so.
describe.skipIf(!existsSync('/proc/self/clear_refs'))('one request, over a socket', () => {
  let api: MeasuredApi;
  beforeAll(async () => {
    api = await startMeasured();
    // Code that has not run yet is slow, whatever it is given.
    for (const { method, path, body } of smallRequests(['numbers'])) await api.send(method, path, body);
  });
  afterAll(() => api.close());

  /** All that took longer, or more memory, or was no answer. */
  async function offenders(
    requests: readonly HeavyRequest[],
    isRight: (measured: Measured, size: number) => boolean,
  ): Promise<unknown[]> {
    const found: unknown[] = [];
    for (const { name, method, path, body } of requests) {
      let measured = await api.send(method, path, body);
      // On a machine that has no time for it the service says so, and when to come again.
      for (let tries = 1; measured.code === 'OVERLOADED' && tries < 60; tries += 1) {
        await delay(1000);
        measured = await api.send(method, path, body);
      }
      const isAnswered = measured.status >= 200 && measured.status < 500;
      if (!isAnswered || !isRight(measured, body.length)) found.push({ name, size: body.length, ...measured });
      if (measured.status === 0) break;
    }
    return found;
  }

  it('of up to 64 KiB holds the event loop for 50 ms at most', { timeout: 300_000 }, async () => {
    const requests = smallRequests(kinds);
    expect(requests.length).toBeGreaterThan(70);
    expect(await offenders(requests, ({ longestMs }) => longestMs <= 50 * factor)).toEqual([]);
  });

  it('with one job holds it no longer than that job takes', { timeout: 300_000 }, async () => {
    // Names that are all different take V8 some 150 ms a megabyte, to parse and to write.
    expect(await offenders(jobRequests(kinds), ({ longestMs }) => longestMs <= 250 * factor)).toEqual([]);
  });

  it('with many items holds it for 10 ms a MiB, and takes 8 times its size', { timeout: 600_000 }, async () => {
    const requests = bulkRequests(bytes, kinds);
    expect(requests.length).toBeGreaterThan(40);
    const isRight = ({ longestMs, grownBytes }: Measured, size: number): boolean =>
      longestMs <= (50 + (10 * size) / MiB) * factor && grownBytes <= 8 * size + slackBytes;
    expect(await offenders(requests, isRight)).toEqual([]);
  });

  it.each([
    ['unknown fields', 'get', `{"keys":["a"],${joined(7_000_000, (n) => `"k${n}":1`)}}`, 413, 'JSON_TOO_MANY_MEMBERS'],
    ['levels', 'set', `{"items":[{"key":"a","value":${denseKinds['levels']?.(7_000_000)}}]}`, 200, 'JSON_TOO_DEEP'],
    ['objects', 'set', `{"items":${denseKinds['empty objects']?.(7_000_000)}}`, 413, 'JSON_TOO_MANY_MEMBERS'],
  ])('of 7 MB of %s is told from what is in it, unparsed', async (_what, operation, text, status, code) => {
    const body = Buffer.from(text);
    const { longestMs, grownBytes, ...answer } = await api.send('POST', `/v1/cache/prompts/bulk/${operation}`, body);
    expect(answer).toEqual({ status, code });
    expect(longestMs).toBeLessThan(((10 * body.length) / MiB) * factor);
    expect(grownBytes).toBeLessThan(8 * body.length);
    expect(await api.isAlive()).toBe(true);
  });
});
