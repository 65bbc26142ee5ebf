import { eventually, startRedis } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstTenMinutes } from './flow.ts';
import { startReceiver } from './receiver.ts';
import type { Receiver } from './receiver.ts';
import { ended, killAll, makeDataDir, npmStart, processesOf, residentMegabytes, start } from './system.ts';
import type { Env, Program } from './system.ts';

/** `npm start` on a machine without Redis, as its user sees it. The tests follow each other: one installation. */
describe('npm start without Redis', () => {
  let data: Awaited<ReturnType<typeof makeDataDir>>;
  let receiver: Receiver;
  let env: Env;
  let service: Program;
  beforeAll(async () => {
    [data, receiver] = await Promise.all([makeDataDir(), startReceiver()]);
    env = { HOLDFAST_DATA_DIR: data.path, HTTP_DELIVERY_ALLOW_PRIVATE: 'true' };
  });
  afterAll(async () => {
    await data.remove();
    await receiver.close();
  });

  it('shows a banner, and everything in it works', async () => {
    service = await start(env);
    const banner = service.node.lines.join('\n');
    expect(banner).toContain(`address   ${service.url}`);
    expect(banner).toContain(`mode      embedded`);
    expect(banner).toMatch(/\d+ instances mirrored/);
    expect(banner).toContain('the sample upstream');
    const examples = [...banner.matchAll(/curl (http:\S+)/g)].map(([, url = '']) => url);
    expect((await fetch(examples[0] ?? '')).status).toBe(200);
    await firstTenMinutes(service, receiver);
    expect(await service.json('/health')).toMatchObject({ status: 'ok', mode: 'embedded' });
    console.log(`embedded: first start ${Math.round(service.startMs)} ms, ${residentMegabytes(data.path)} MB in all`);
  });

  it('keeps what was accepted and what was done over a kill -9 of everything', async () => {
    const add = async (jobId: string, options = {}): Promise<void> => {
      const body = { data: { url: receiver.url, body: jobId }, options: { jobId, ...options } };
      // With this answer the job is accepted, and must not be lost.
      expect(await service.post('/v1/queues/http-delivery/jobs', body)).toMatchObject({ id: jobId });
    };
    await add('done');
    const done = await ended(service, 'http-delivery', 'done');
    expect(done['state']).toBe('completed');

    receiver.hold();
    // As many run at a time as the queue allows; the others wait behind them.
    const ids = Array.from({ length: 24 }, (_, index) => `crash-${index}`);
    for (const id of ids) await add(id);
    await add('later', { delay: '3s' });
    await eventually(
      async () => {
        const queue = await service.json('/v1/queues/http-delivery');
        expect(queue).toMatchObject({ counts: { active: 20, prioritized: 4, delayed: 1 } });
      },
      { intervalMs: 50 },
    );
    killAll(data.path);
    await service.node.exited;
    await eventually(() => expect(processesOf(data.path)).toEqual([]));
    receiver.letGo();

    service = await start(env);
    console.log(`embedded: second start ${Math.round(service.startMs)} ms, ${residentMegabytes(data.path)} MB in all`);
    expect(await service.json('/v1/queues/http-delivery/jobs/done')).toEqual(done);
    for (const id of [...ids, 'later']) {
      const job = await ended(service, 'http-delivery', id);
      expect(job, JSON.stringify(job)).toMatchObject({ state: 'completed', result: { body: 'received' } });
    }
    // Those that were waiting ran once; those that ran when everything died, twice under one id.
    const times = (id: string): number => receiver.ids.filter((known) => known === `http-delivery:${id}`).length;
    expect(ids.filter((id) => times(id) === 2)).toHaveLength(20);
    expect(ids.filter((id) => times(id) === 1)).toHaveLength(4);
    expect(times('done')).toBe(1);
  });

  it('refuses a second start on the same data, and the first goes on', async () => {
    await expect(start(env)).rejects.toThrow(/is in use by/);
    expect(await service.json('/health')).toMatchObject({ status: 'ok' });
  });

  it('ends in good order on Ctrl-C, leaves no process, and lets what was running run again', async () => {
    receiver.hold();
    const body = { data: { url: receiver.url }, options: { jobId: 'interrupted' } };
    await service.post('/v1/queues/http-delivery/jobs', body);
    await eventually(() => expect(receiver.ids).toContain('http-delivery:interrupted'));
    const status = await service.node.kill('SIGINT');
    // Its supervisor kills what takes longer than it may, and says so.
    expect(service.node.lines.join('\n')).not.toMatch(/killed/);
    expect(status).toEqual({ code: 0, signal: null });
    await eventually(() => expect(processesOf(data.path)).toEqual([]));
    await expect(fetch(`${service.url}/health/live`)).rejects.toThrow();

    receiver.letGo();
    const terminal = await npmStart(env);
    const job = await ended(terminal, 'http-delivery', 'interrupted');
    expect(job).toMatchObject({ state: 'completed', attemptsMade: 1 });

    // Here Ctrl-C reaches npm, its shell and the script at once, and npm hands it on once more.
    terminal.pressCtrlC();
    await terminal.exited;
    await eventually(() => expect(processesOf(data.path)).toEqual([]));
    expect(terminal.output()).not.toMatch(/killed/);
  });

  it('says so when it is started on a Redis and jobs of the embedded mode are left behind', async () => {
    const redis = await startRedis();
    const onRedis = await start({ ...env, REDIS_URL: redis.url, WORKER_PORT: '0' });
    expect(onRedis.node.lines.join('\n')).toMatch(/holds jobs of the embedded mode/);
    expect(await onRedis.node.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    await redis.stop();
  });
});
