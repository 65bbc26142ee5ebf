import { channel } from 'node:diagnostics_channel';
import { modules } from '@holdfast/modules';
import { createRuntime } from '@holdfast/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { toyModule } from './toy/index.ts';
import { configure, onEither, start, withToy, type Runnable } from './toy/service.ts';

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

function broken(): never {
  throw new Error('A fault of the toys.');
}
