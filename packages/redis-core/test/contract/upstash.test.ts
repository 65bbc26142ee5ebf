import { startUpstashRest, useRedis, type UpstashRest } from '@holdfast/testing';
import { afterAll, beforeAll } from 'vitest';
import { createEngine, type RedisEngine } from '../../src/index.ts';
import { type DocumentedUpstash, startDocumentedUpstash } from '../documented-upstash.ts';
import { calm } from './calm.ts';
import { describeEngine } from './engine-contract.ts';
import { describeEquality } from './equality.ts';

let imitated: UpstashRest;
let documented: DocumentedUpstash;
beforeAll(async () => {
  imitated = await startUpstashRest(useRedis().url);
  documented = await startDocumentedUpstash(useRedis());
});
afterAll(() => Promise.all([imitated.stop(), documented.close()]));

async function create(server: { url: string; token: string }): Promise<RedisEngine> {
  const { url, token } = server;
  const engine = createEngine({ name: 'contract', ...calm, target: { kind: 'upstash', url, token } });
  await engine.time();
  return engine;
}

describeEngine('Upstash (@humanwhocodes/upstash-redis-server)', () => create(imitated), { subscribes: false });
describeEquality('Upstash (@humanwhocodes/upstash-redis-server)', () => create(imitated), { numRuns: 60 });
describeEngine('Upstash (as documented)', () => create(documented));
describeEquality('Upstash (as documented)', () => create(documented), { numRuns: 60 });
