import { denseKinds, joined, requestLoad } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { startHttp } from './http-fixture.ts';
import { openMirror, targetOf } from './mirror-fixture.ts';

const { isFull, bytes, factor } = requestLoad();
/** The test runner makes each use of an import a look-up, of which there are some for each byte. */
const slowness = Math.max(4, factor);
const kinds = isFull ? Object.keys(denseKinds) : ['names', 'levels'];
const MiB = 1024 * 1024;

/** Processor time of this thread, in the longest turn of its event loop while `work` is done. */
async function longestTurnMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let isDone = false;
  let before = process.threadCpuUsage();
  const turn = (): void => {
    const { user, system } = process.threadCpuUsage(before);
    before = process.threadCpuUsage();
    longest = Math.max(longest, (user + system) / 1000);
    if (!isDone) setImmediate(turn);
  };
  turn();
  await work();
  isDone = true;
  turn();
  return longest;
}

const pages: [name: string, make: () => string][] = [
  ...kinds.flatMap((kind): [string, () => string][] => {
    const dense = (): string => denseKinds[kind]?.(bytes - 100) ?? '';
    return [
      [`a list: ${kind}`, () => `{"things":${dense()}}`],
      [`beside its list: ${kind}`, () => `{"things":[],"x":${dense()}}`],
      [`an item: ${kind}`, () => `{"things":[{"id":"a","x":${dense()}}]}`],
    ];
  }),
  ['small items', () => `{"things":[${joined(bytes, (n) => `{"id":"${n}"}`)}]}`],
  ['usual items', () => `{"things":[${joined(bytes, (n) => `{"id":"${n}","name":"thing ${n}","tags":["a","b"]}`)}]}`],
];

/** `REQUEST_LOAD=full` has larger pages, of everything that is known to be dense. */
describe('a page of an upstream', () => {
  it.each(pages)(
    'of which much is %s holds the event loop for 10 ms a MiB',
    { timeout: 120_000 },
    async (_name, make) => {
      const text = Buffer.from(make());
      const { url } = await startHttp((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(text);
      });
      const source = {
        pagination: { kind: 'none' },
        maxItems: 100_000,
        maxPageBytes: 2 * bytes,
        allowEmpty: true,
        timeoutMs: 60_000,
      } as const;
      const { mirror } = openMirror({ url, target: targetOf('ioredis'), source });
      const held = await longestTurnMs(async () => mirror.sync().catch(() => undefined));
      expect(held).toBeLessThan((50 + (10 * text.length) / MiB) * slowness);
    },
  );
});
