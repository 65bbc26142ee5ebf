import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules } from '@holdfast/modules';
import { createRuntime, measureModules, missingRedis } from '@holdfast/runtime';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { buildWorker } from '@holdfast/worker';
import { expect } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { makeKey } from '../fixture.ts';
import { toyModule } from './index.ts';

export type Runnable = readonly [...typeof modules, typeof toyModule];

export const withToy: Runnable = [...modules, toyModule];
/** One who may play, and one who may not. */
export const player = makeKey('player', 'coordination:read+jobs:read+jobs:write');
export const stranger = makeKey('stranger', 'cache:read');

/** On Redis, and without one. */
export const onEither = [{}, { REDIS_URL: '', HOLDFAST_EMBEDDED: 'true' }];

/** The working directory of these services. */
export const directory = mkdtempSync(join(tmpdir(), 'holdfast-toy-'));
writeFileSync(join(directory, 'holdfast.yaml'), 'toys:\n  greeting: good day\n');
// Several files of tests may run in one process, one after the other.
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));

export function configure(list: Runnable, env: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    parts: configParts(list),
    cwd: directory,
    env: {
      NODE_ENV: 'test',
      REDIS_URL: useRedis().url,
      REDIS_PROBE_DEADLINE_MS: '30000',
      REDIS_COMMAND_TIMEOUT_MS: '30000',
      REDIS_KEY_PREFIX: uniquePrefix('toy'),
      HOLDFAST_API_KEYS: `${player.entry},${stranger.entry}`,
      TOY_STEP: '2',
      ...env,
    },
  });
}

/** Service and worker with these modules, listening; as the processes are made, in one. */
export async function start(list: Runnable = withToy, env: Readonly<Record<string, string>> = {}) {
  const config = configure(list, env);
  const log: string[] = [];
  const logger = createLogger({ service: 'toy', level: 'warn', stream: { write: (line) => void log.push(line) } });
  const metrics = createMetrics({ service: 'toy' });
  const readParts = measureModules(list, metrics);
  const runtime = await createRuntime(config, { modules: list, usesFallback: true });
  readParts(runtime);
  const end = async (): Promise<void> => {
    await runtime.close();
    metrics.close();
  };
  const { app, worker } = await build({ config, runtime, logger, metrics }).catch(async (error: unknown) => {
    await end();
    throw error;
  });
  await worker.start();
  await eventually(() => expect(missingRedis(runtime)).toBeUndefined());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const get = async (path: string, bearer = player.token): Promise<Response> =>
    fetch(address + path, { headers: { authorization: `Bearer ${bearer}` } });
  return {
    address,
    config,
    runtime,
    log,
    get,
    consumed: () => Object.keys(worker.status()),
    async close() {
      await app.close();
      await worker.close({ timeoutMs: 5000 });
      await end();
    },
  };
}

async function build(parts: Parameters<typeof buildApp>[0] & Parameters<typeof buildWorker>[0]) {
  const worker = await buildWorker(parts);
  return { worker, app: await buildApp(parts) };
}
