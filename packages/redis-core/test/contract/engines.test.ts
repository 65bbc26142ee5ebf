import { useRedis } from '@holdfast/testing';
import { createEngine, MemoryEngine } from '../../src/index.ts';
import { calm } from './calm.ts';
import { describeEngine } from './engine-contract.ts';

describeEngine('memory', () => Promise.resolve(new MemoryEngine()));

const { host, port, db } = useRedis();
describeEngine('ioredis', async () => {
  const engine = createEngine({ name: 'contract', ...calm, target: { kind: 'standalone', host, port, db } });
  await engine.time();
  return engine;
});
