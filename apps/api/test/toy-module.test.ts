import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { channel } from 'node:diagnostics_channel';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { definePart } from '@holdfast/config/part';
import { configParts, modules, type Connection } from '@holdfast/modules';
import { createRuntime, measureModules, missingRedis } from '@holdfast/runtime';
import { createLogger, createMetrics } from '@holdfast/telemetry';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { buildWorker } from '@holdfast/worker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../src/app.ts';
import { makeKey } from './fixture.ts';
import { toyConfig, toyModule, toyTurns } from './toy/index.ts';

type Runnable = readonly [...typeof modules, typeof toyModule];

const withToy: Runnable = [...modules, toyModule];
const { token, entry } = makeKey('player', 'coordination:read+jobs:read+jobs:write');
const other = makeKey('stranger', 'cache:read');

/** On Redis, and without one. */
const onEither = [{}, { REDIS_URL: '', HOLDFAST_EMBEDDED: 'true' }];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-toy-'));
  await writeFile(join(directory, 'holdfast.yaml'), 'toys:\n  greeting: good day\n');
});
afterAll(async () => rm(directory, { recursive: true, force: true }));

function configure(list: Runnable, env: Readonly<Record<string, string>> = {}) {
  return loadConfig({
    parts: configParts(list),
    cwd: directory,
    env: {
      NODE_ENV: 'test',
      REDIS_URL: useRedis().url,
      REDIS_PROBE_DEADLINE_MS: '30000',
      REDIS_COMMAND_TIMEOUT_MS: '30000',
      REDIS_KEY_PREFIX: uniquePrefix('toy'),
      HOLDFAST_API_KEYS: `${entry},${other.entry}`,
      TOY_STEP: '2',
      ...env,
    },
  });
}

/** Service and worker with these modules, listening; as the processes are made, in one. */
async function start(list: Runnable = withToy, env: Readonly<Record<string, string>> = {}) {
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
  const get = async (path: string, bearer = token): Promise<Response> =>
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

describe('a module that is one folder and one line in the list', () => {
  let service: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    service = await start();
  });
  afterAll(async () => service.close());

  it('reads its variable and its section of holdfast.yaml', () => {
    expect(service.config.toys).toEqual({ step: 2, greeting: 'good day' });
  });

  it('has a queue whose jobs its handler runs, and a route that tells what came of it, from its keys', async () => {
    const added = await fetch(`${service.address}/v1/queues/toy-turns/jobs`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ data: { toy: 'top' } }),
    });
    expect(added.status).toBe(201);
    await eventually(async () => {
      expect(await (await service.get('/v1/toys/top')).json()).toEqual({ says: 'good day top', turns: 2 });
    });
    const key = `${service.config.redis.keyPrefix}:toy:top`;
    expect(service.runtime.parts.toys.keyOf('top')).toBe(key);
    expect((await service.runtime.engines.durable.hgetall(key)).get('turns')?.toString()).toBe('2');
  });

  it('is asked for only by a key with its scope, and is in the document', async () => {
    const refused = await service.get('/v1/toys/top', other.token);
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([403, 'INSUFFICIENT_SCOPE']);
    const document = (await (await service.get('/openapi.json')).json()) as { paths: Record<string, object> };
    expect(document.paths['/v1/toys/{toy}']).toMatchObject({ get: { 'x-scope': 'coordination:read' } });
  });

  it('shows in the metrics and in the health of the service', async () => {
    expect(await (await service.get('/metrics')).text()).toContain('holdfast_toy_turns 1');
    expect(await (await service.get('/health')).json()).toMatchObject({ status: 'ok', toys: { turns: 1 } });
  });

  it('has connections that the service is not ready without, where there is no fallback', async () => {
    let status: Connection['status'] = { available: true };
    const connections = () => ({ toys: { status } });
    const connected = await start([...modules, { ...toyModule, connections }], { REDIS_ENABLE_FALLBACK: 'false' });
    expect((await connected.get('/health/ready')).status).toBe(200);
    status = { available: false, reason: 'the toys are away' };
    expect((await connected.get('/health/ready')).status).toBe(503);
    expect(missingRedis(connected.runtime)).toBe('the toys are away');
    await connected.close();
  });

  it('is closed with the others', async () => {
    const runtime = await createRuntime(configure(withToy), { modules: withToy });
    await runtime.close();
    expect(runtime.parts.toys.isClosed).toBe(true);
  });
});

describe('a queue of a module', () => {
  const withFile = async (queues: string): Promise<Record<string, string>> => {
    await writeFile(join(directory, 'queues.yaml'), `queues:\n  toy-turns: ${queues}\n`);
    return { HOLDFAST_CONFIG: 'queues.yaml' };
  };
  let service: Awaited<ReturnType<typeof start>> | undefined;
  afterEach(async () => {
    await service?.close();
    service = undefined;
  });

  it('is changed by holdfast.yaml and served by the workers that name it, as a built-in one', async () => {
    const env = await withFile('{ attempts: 3, retention: { failed: { count: 2 } } }');
    service = await start(withToy, { ...env, WORKER_QUEUES: 'toy-turns' });
    expect(service.consumed()).toEqual(['toy-turns']);
    expect(await (await service.get('/v1/queues/toy-turns')).json()).toMatchObject({
      policy: { attempts: 3, retention: { completed: { count: 10 }, failed: { count: 2 } } },
    });
  });

  it('takes no jobs where it is turned off', async () => {
    service = await start(withToy, await withFile('{ enabled: false }'));
    const refused = await service.get('/v1/queues/toy-turns');
    expect([refused.status, await refused.json()]).toMatchObject([404, { code: 'QUEUE_DISABLED' }]);
    expect(service.consumed()).toEqual(['source-sync', 'http-delivery']);
  });

  it('is not there without its module, and says what of it cannot be changed', async () => {
    expect(() => configure(withToy, { WORKER_QUEUES: 'toy-turn' })).toThrow(
      /WORKER_QUEUES.*names a queue that there is not.*toy-turns/,
    );
    const env = await withFile('{ url: https://example.com/, method: PUT }');
    expect(() => configure(withToy, env)).toThrow(
      /queues\.toy-turns\.url: is no setting of a built-in queue[\s\S]*queues\.toy-turns\.method/,
    );
    const alone = await withFile('{ attempts: 3 }');
    expect(() => loadConfig({ parts: configParts(modules), cwd: directory, env: alone })).toThrow(
      /queues\.toy-turns.*is no built-in queue and has no url/,
    );
  });
});

describe('a module that fails', () => {
  let service: Awaited<ReturnType<typeof start>> | undefined;
  afterEach(async () => service?.close());

  it('leaves nothing open where it cannot be made', async () => {
    const failing: typeof toyModule = {
      ...toyModule,
      create: () => {
        throw new Error('There are no toys.');
      },
    };
    // Journal, outbox and the embedded queue have one owner at a time.
    for (const env of onEither) {
      const list: Runnable = [...modules, failing];
      const config = configure(list, env);
      await expect(createRuntime(config, { modules: list, usesFallback: true })).rejects.toThrow('There are no toys.');
      const next = await createRuntime(config, { modules: withToy, usesFallback: true });
      await next.close();
    }
  });

  it('keeps none from being closed where two cannot be, and both are told', async () => {
    const [cache, queues, sources] = modules;
    const failing = (reason: string) => (): void => {
      throw new Error(reason);
    };
    const list: Runnable = [
      cache,
      queues,
      { ...sources, close: failing('a source hangs') },
      { ...toyModule, close: failing('a toy is stuck') },
    ];
    const config = configure(list);
    const runtime = await createRuntime(config, { modules: list, usesFallback: true });
    await expect(runtime.close()).rejects.toThrow('a toy is stuck; a source hangs');
    // Journal and outbox are free again.
    const next = await createRuntime(config, { modules: withToy, usesFallback: true });
    await next.close();
  });

  it('makes the service degraded where it cannot say how it is, and is named, once in the log', async () => {
    const list: Runnable = [...modules, { ...toyModule, health: () => broken() }];
    service = await start(list);
    for (let probe = 0; probe < 2; probe += 1) {
      const health = await service.get('/health');
      expect(health.status).toBe(200);
      expect(await health.json()).toMatchObject({
        status: 'degraded',
        unreadable: ['toys'],
        queues: { available: true },
      });
    }
    expect(service.log.filter((line) => line.includes('a module cannot say how it is'))).toHaveLength(1);
  });

  it('has what is published while it is made counted', async () => {
    const troubled: typeof toyModule = {
      ...toyModule,
      create(context) {
        const error = { queue: 'toy-turns', part: 'producer', error: new Error('refused') };
        channel('holdfast:queue:error').publish(error);
        return toyModule.create(context);
      },
    };
    service = await start([...modules, troubled]);
    const text = await (await service.get('/metrics')).text();
    expect(text).toContain('holdfast_queue_errors_total{queue="toy-turns",part="producer"} 1');
  });

  it('leaves the metrics of the others where its own cannot be read, and is counted', async () => {
    const unreadable: typeof toyModule = {
      ...toyModule,
      metrics: (instruments) => ({ read: () => void instruments.onScrape(() => broken()) }),
    };
    const list: Runnable = [...modules, unreadable];
    service = await start(list);
    const text = await (await service.get('/metrics')).text();
    expect(text).toContain('holdfast_scrape_collector_failures_total 1');
    expect(text).toContain('holdfast_queue_jobs{');
  });
});

describe('a list of modules that cannot be right', () => {
  const second = (changes: Partial<typeof toyModule>): typeof toyModule => ({ ...toyModule, ...changes });

  it('is refused where two have one name', async () => {
    const list = [...withToy, toyModule] as const;
    expect(() => loadConfig({ parts: configParts(list), cwd: directory, env: {} })).toThrow(/toys/);
    await expect(createRuntime(configure(withToy), { modules: list })).rejects.toThrow(
      'Two modules are called "toys" in the list of modules.',
    );
  });

  it('is refused where one stands before what it needs', async () => {
    const [cache, queues, sources] = modules;
    await expect(createRuntime(configure(withToy), { modules: [sources, cache, queues] as const })).rejects.toThrow(
      'The module "sources" needs "cache", which has to stand before it in the list of modules.',
    );
  });

  it.each([
    [
      'section',
      { file: { cache: toyModule.config.file['toys'] } },
      /section .*cache belongs to .* and to the part toys/,
    ],
    [
      'variable',
      { variables: { PORT: toyModule.config.variables['TOY_STEP'] } },
      /variable PORT belongs to .* and to the part toys/,
    ],
  ])('is refused where two have one %s', (_what, changes, message) => {
    const taken = second({ config: { ...toyModule.config, ...changes } as typeof toyModule.config });
    expect(() => configure([...modules, taken])).toThrow(message);
  });

  it('is refused where two have one route', async () => {
    const routes = async (): ReturnType<typeof toyModule.routes> => ({
      routes: async (app) => {
        app.get('/v1/queues', { config: { access: 'public' } }, async () => 'mine');
      },
    });
    await expect(start([...modules, second({ routes })])).rejects.toThrow(
      /The routes of the module "toys" cannot be registered: .*\/v1\/queues/,
    );
  });

  it('is refused where two define one queue, and leaves nothing open', async () => {
    const config = definePart({
      ...toyConfig,
      draft: ({ needs }) => needs.queues.inCode.add({ ...toyTurns, name: 'http-delivery' }),
    });
    const list: Runnable = [...modules, second({ config })];
    for (const env of onEither) {
      const configured = configure(list, env);
      await expect(createRuntime(configured, { modules: list, usesFallback: true })).rejects.toThrow(
        'Two queues have the name "http-delivery".',
      );
      const next = await createRuntime(configure(withToy, env), { modules: withToy, usesFallback: true });
      await next.close();
    }
  });

  it('is refused where two handle one queue, or one handles a queue that there is not', async () => {
    const handling = (queue: string): Runnable => [
      ...modules,
      second({ handlers: async () => ({ createHandlers: () => ({ byQueue: { [queue]: async () => null } }) }) }),
    ];
    await expect(start(handling('http-delivery'))).rejects.toThrow(
      'The modules "queues" and "toys" both handle the queue "http-delivery".',
    );
    await expect(start(handling('nowhere'))).rejects.toThrow(
      'The module "toys" handles the queue "nowhere", which is defined nowhere.',
    );
  });
});

function broken(): never {
  throw new Error('A fault of the toys.');
}
