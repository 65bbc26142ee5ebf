import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, modules, type Connection } from '@holdfast/modules';
import { createRuntime, missingRedis } from '@holdfast/runtime';
import { eventually } from '@holdfast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { toyModule } from './toy/index.ts';
import { configure, directory, player, start, stranger, withToy } from './toy/service.ts';

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
      headers: { authorization: `Bearer ${player.token}`, 'content-type': 'application/json' },
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
    const refused = await service.get('/v1/toys/top', stranger.token);
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
