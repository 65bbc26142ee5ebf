import { type RedisCluster, startCluster } from '@holdfast/testing';
import { afterAll, beforeAll } from 'vitest';
import { createEngine, type RedisEngine } from '../../src/index.ts';
import { calm } from './calm.ts';
import { describeEngine } from './engine-contract.ts';
import { describeEquality } from './equality.ts';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

async function create(): Promise<RedisEngine> {
  const engine = createEngine({ name: 'contract', ...calm, target: { kind: 'cluster', nodes: cluster.addresses } });
  await engine.time();
  return engine;
}

describeEngine('cluster', create, { countsReceivers: false });
describeEquality('cluster', create, { numRuns: 60 });
