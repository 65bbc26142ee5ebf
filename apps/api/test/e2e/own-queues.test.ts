import { eventually } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mail, mailHandler, makeInstallation, queueFile, useInstallation } from './own-files.ts';
import { ended, run, start, startApi, startWorker, type Program } from './system.ts';

/** The tests follow each other: one installation with a queue of each kind, in one process. */
describe('queues in files beside holdfast.yaml, in a process without a Redis', () => {
  let installation: Awaited<ReturnType<typeof makeInstallation>>;
  let api: Program;
  beforeAll(async () => {
    installation = await makeInstallation();
    const definition = queueFile('packaged').replace('export default', 'module.exports =');
    installation.write({
      ...mail,
      'holdfast.yaml': `
        handlers: ['./my-handlers/*.ts', ./my-handlers, ./with-threads, '@acme/mailer']
        queues: { mail: { attempts: 7 }, off: { enabled: false } }`,
      'my-handlers/report.queue.mts': queueFile('report', {
        schema: 'Type.Object({})',
        more: "schedule: { pattern: '0 6 * * *', tz: 'Europe/Berlin' }, runAtStart: true,",
      }),
      'my-handlers/report.handler.mjs': 'export default () => 42;',
      'my-handlers/off.queue.ts': 'nonsense(',
      'my-handlers/off.handler.ts': mailHandler,
      'with-threads/threaded.queue.ts': queueFile('threaded'),
      'with-threads/threaded.handler.ts': `
        const beside = (file: string): URL => new URL(file, import.meta.url);
        export default { preload: beside('./first.ts'), thread: beside('./threaded.thread.ts') };`,
      'with-threads/first.ts': `
        import { RetryLaterError } from '@holdfast/queue';
        Object.assign(globalThis, { first: RetryLaterError.name });`,
      'with-threads/threaded.thread.ts': `
        import { isMainThread } from 'node:worker_threads';
        import { Type } from 'typebox';
        import { PermanentError } from '@holdfast/queue';
        export default async () => [isMainThread, Type.String().type, PermanentError.name, Reflect.get(globalThis, 'first')];`,
      'node_modules/@acme/mailer/package.json': JSON.stringify({
        name: '@acme/mailer',
        version: '1.0.0',
        exports: './index.js',
        holdfast: { handlers: './dist/*.*js' },
      }),
      'node_modules/@acme/mailer/index.js': '',
      'node_modules/@acme/mailer/dist/packaged.queue.cjs': definition.replaceAll(
        /import (\{.*\}) from ('.*');/g,
        'const $1 = require($2);',
      ),
      'node_modules/@acme/mailer/dist/packaged.handler.mjs': 'export default async ({ data }) => data.to;',
    });
    api = await startApi(installation.embedded());
  });
  afterAll(() => installation.remove());

  it('are queues like any other', async () => {
    const { id } = await api.post('/v1/queues/mail/jobs', { data: { to: 'ada@example.com' } });
    expect(await ended(api, 'mail', String(id))).toMatchObject({
      state: 'completed',
      result: { pid: api.node.pid },
      progress: 50,
      logs: ['to ada@example.com'],
    });
    const bad = await api.post('/v1/queues/mail/jobs', { data: { to: 'ada@nowhere' } });
    expect(await ended(api, 'mail', String(bad['id']))).toMatchObject({
      state: 'failed',
      attemptsMade: 1,
      error: { code: 'NO_DOMAIN' },
    });
    const refused = await api.request('/v1/queues/mail/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"data":{"to":7}}',
    });
    expect([refused.status, await refused.json()]).toMatchObject([422, { errors: [{ path: '/data/to' }] }]);
    expect(await api.json('/v1/queues/mail')).toMatchObject({ policy: { attempts: 7 } });
    // What runs at the start, and what comes each morning.
    expect(await ended(api, 'report', 'start.report')).toMatchObject({ state: 'completed', result: 42 });
    expect(await api.json('/v1/queues/report/schedules/report')).toMatchObject({ pattern: '0 6 * * *' });
    expect(await (await api.request('/metrics')).text()).toMatch(
      /^holdfast_jobs_total\{queue="mail",event="completed"\} 1$/m,
    );
  });

  it('can be turned off, and are not looked into then', async () => {
    const answer = await api.request('/v1/queues/off');
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'QUEUE_DISABLED' }]);
  });

  it('may run their jobs in threads, whose files find the packages as well', async () => {
    const { id } = await api.post('/v1/queues/threaded/jobs', { data: { to: 'ada@example.com' } });
    expect(await ended(api, 'threaded', String(id))).toMatchObject({
      result: [false, 'string', 'PermanentError', 'RetryLaterError'],
    });
  });

  it('may come in a package, as JavaScript of either kind', async () => {
    const { id } = await api.post('/v1/queues/packaged/jobs', { data: { to: 'ada@example.com' } });
    expect(await ended(api, 'packaged', String(id))).toMatchObject({ result: 'ada@example.com' });
  });

  it('end with the process, in good order', async () => {
    expect(await api.node.kill('SIGTERM')).toMatchObject({ code: 0 });
  });
});

describe('a queue in two files beside holdfast.yaml', () => {
  const { write, path, embedded, onRedis } = useInstallation();

  it('runs in the worker, and its handler is not even imported by the API', async () => {
    const handler = path('my-handlers/mail.handler.ts');
    write({ ...mail, 'my-handlers/mail.handler.ts': `throw new Error('imported by ' + process.argv[1]);` });
    const api = await startApi(onRedis());
    const { id } = await api.post('/v1/queues/mail/jobs', { data: { to: 'ada@example.com' } });
    const failing = run('worker', { ...onRedis(), WORKER_PORT: '0' });
    expect(await failing.exited).toMatchObject({ code: 78 });
    expect(failing.lines.join('\n')).toMatch(
      new RegExp(`${handler} throws Error: imported by \\S+main.js \\(${handler}:1:7\\)`),
    );

    write(mail);
    const worker = await startWorker({ ...onRedis(), WORKER_QUEUES: 'mail' });
    expect(await ended(api, 'mail', String(id))).toMatchObject({
      state: 'completed',
      result: { pid: worker.node.pid },
    });
  });

  it('has the schedule that its file says, and no longer once it says none', async () => {
    const report = (more: string): Record<string, string> => ({
      'holdfast.yaml': 'handlers: ./my-handlers/*.ts\n',
      'my-handlers/report.queue.ts': queueFile('report', { schema: 'Type.Object({})', more }),
      'my-handlers/report.handler.ts': 'export default async () => 1;',
    });
    write(report('schedule: { everyMs: 3_600_000 },'));
    const api = await startApi(onRedis());
    const first = await startWorker(onRedis());
    const schedule = '/v1/queues/report/schedules/report';
    await eventually(async () => expect(await api.json(schedule)).toMatchObject({ every: 3_600_000 }));
    await first.node.kill('SIGTERM');
    write(report(''));
    await startWorker(onRedis());
    await eventually(async () => expect((await api.request(schedule)).status).toBe(404));
  });

  it('is there after npm start', async () => {
    write(mail);
    const program = await start(embedded());
    const { id } = await program.post('/v1/queues/mail/jobs', { data: { to: 'ada@example.com' } });
    expect(await ended(program, 'mail', String(id))).toMatchObject({ state: 'completed' });
    expect(await program.node.kill('SIGTERM')).toMatchObject({ code: 0 });
  });
});
