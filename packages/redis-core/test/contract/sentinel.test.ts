import { type RedisSentinel, startSentinel } from '@holdfast/testing';
import { afterAll, beforeAll } from 'vitest';
import { createEngine } from '../../src/index.ts';
import { calm } from './calm.ts';
import { describeEngine } from './engine-contract.ts';

let sentinel: RedisSentinel;
beforeAll(async () => {
  sentinel = await startSentinel();
});
afterAll(() => sentinel.stop());

describeEngine('sentinel', async () => {
  const { addresses, masterName } = sentinel;
  const engine = createEngine({
    name: 'contract',
    ...calm,
    target: { kind: 'sentinel', sentinels: addresses, masterName },
  });
  await engine.time();
  return engine;
});
