import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { Consumer, defineQueue, PermanentError, Queues } from '../../src/index.ts';
import { createEmbeddedBackend } from '../../src/embedded.ts';
import { storableResult, storableText } from '../../src/job/storable.ts';

describe('what PostgreSQL can store of a result', () => {
  it.each<[unknown, unknown]>([
    ['a\0b', 'a\uFFFDb'],
    ['\uD800', '\uFFFD'],
    ['\uDC00x', '\uFFFDx'],
    [
      { 'k\0': ['\0'], n: 1 },
      { 'k\uFFFD': ['\uFFFD'], n: 1 },
    ],
  ])('%j becomes %j', (value, expected) => {
    expect(storableResult(value)).toEqual(expected);
  });

  it.each([['text'], ['\u{1F600}'], ['\\u0000'], [{ deep: [{ a: null }] }], [7], [undefined], [new Date(0)]])(
    '%j stays the same object',
    (value) => {
      expect(storableResult(value)).toBe(value);
    },
  );

  it('leaves to BullMQ what is no JSON', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(storableResult(cycle)).toBe(cycle);
    expect(storableResult(1n)).toBe(1n);
  });

  it('holds neither U+0000 nor half of a pair, whatever it was', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (codes) => {
        const text = storableText(String.fromCharCode(...codes));
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toContain('\0');
        expect(JSON.stringify(storableResult({ text: String.fromCharCode(...codes) }))).toBe(JSON.stringify({ text }));
      }),
    );
  });
});

it('is what the embedded queue keeps, so that a job that is done does not run again', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-storable-'));
  const backend = await createEmbeddedBackend({ directory });
  const definition = defineQueue({
    name: 'odd',
    description: 'For the test of what can be stored.',
    payload: Type.Object({ fails: Type.Boolean() }),
    attempts: 1,
    timeoutMs: 10_000,
    concurrency: 1,
    retention: { completed: {}, failed: {} },
  });
  const queues = new Queues({ backend, definitions: [definition] });
  let runs = 0;
  const consumer = new Consumer({
    backend,
    definition,
    handler: async (job) => {
      runs += 1;
      await job.log('log\0');
      await job.progress({ at: '\0' });
      if (job.data.fails) throw new PermanentError('bad\0\uD800');
      return { text: 'good\0' };
    },
  });
  await consumer.start();
  const good = await queues.add('odd', { data: { fails: false } });
  const bad = await queues.add('odd', { data: { fails: true } });
  expect(await queues.get('odd', good.id, { waitMs: 30_000 })).toMatchObject({
    state: 'completed',
    result: { text: 'good\uFFFD' },
    progress: { at: '\uFFFD' },
    logs: ['log\uFFFD'],
  });
  expect(await queues.get('odd', bad.id, { waitMs: 30_000 })).toMatchObject({
    state: 'failed',
    error: { message: 'bad\uFFFD\uFFFD' },
  });
  expect(runs).toBe(2);
  await consumer.close({ timeoutMs: 3000 });
  await queues.close();
  await rm(directory, { recursive: true, force: true });
  // The first start of the database takes seconds on a busy machine.
});
