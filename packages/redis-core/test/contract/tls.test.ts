import { startTlsRedis, type TlsRedis } from '@holdfast/testing';
import { afterAll, beforeAll } from 'vitest';
import { createEngine } from '../../src/index.ts';
import { calm } from './calm.ts';
import { describeEngine } from './engine-contract.ts';

let redis: TlsRedis;
beforeAll(async () => {
  redis = await startTlsRedis();
});
afterAll(() => redis.stop());

describeEngine('TLS', async () => {
  const { host, port, serverName, certificates } = redis;
  const tls = { ca: certificates.ca, ...certificates.client, serverName };
  const engine = createEngine({ name: 'contract', ...calm, target: { kind: 'standalone', host, port, tls } });
  await engine.time();
  return engine;
});
