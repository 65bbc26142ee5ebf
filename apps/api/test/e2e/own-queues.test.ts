import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ended, killAll, makeDataDir, run, start, startApi, startWorker, type Env } from './system.ts';

/** An installation: a folder outside of the repository, with nothing installed in it. */
let home: Awaited<ReturnType<typeof makeDataDir>>;
beforeEach(async () => {
  home = await makeDataDir();
});
afterEach(async () => home.remove());

function write(files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home.path, file)), { recursive: true });
    writeFileSync(join(home.path, file), text);
  }
}

const path = (file: string): string => join(home.path, file);
const embedded = (): Env => ({ HOLDFAST_CONFIG: path('holdfast.yaml'), HOLDFAST_DATA_DIR: path('data') });
const onRedis = (): Env => ({ ...embedded(), REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: prefix });
const prefix = uniquePrefix('own-queues');

/** A queue as a guide shows it, in TypeScript. */
const queueFile = (name: string, { schema = 'Type.Object({ to: Type.String() })', more = '' } = {}): string => `
  import { defineQueue } from '@holdfast/queue';
  import { Type } from 'typebox';
  export default defineQueue({
    name: '${name}',
    description: 'Of the installation.',
    payload: ${schema},
    attempts: 3,
    timeoutMs: 30_000,
    concurrency: 5,
    retention: { completed: { count: 100 }, failed: { count: 100 } },
    ${more}
  });`;

const mailHandler = `
  import { PermanentError, type RunningJob } from '@holdfast/queue';
  import { domainOf } from './domain.ts';
  export default async function send(job: RunningJob<{ to: string }>): Promise<object> {
    await job.log('to ' + job.data.to);
    await job.progress(50);
    job.signal.throwIfAborted();
    if (domainOf(job.data.to) === 'nowhere') throw new PermanentError('No such domain.', { code: 'NO_DOMAIN' });
    return { pid: process.pid };
  }`;

const mail = {
  'holdfast.yaml': 'handlers: ./my-handlers/*.ts\n',
  'my-handlers/mail.queue.ts': queueFile('mail'),
  'my-handlers/mail.handler.ts': mailHandler,
  'my-handlers/domain.ts': "export const domainOf = (address: string): string => address.split('@')[1] ?? '';",
};

describe('a queue in two files beside holdfast.yaml', () => {
  it('is a queue like any other, in a process without a Redis', async () => {
    write({
      ...mail,
      'holdfast.yaml': 'handlers: ./my-handlers/*.ts\nqueues: { mail: { attempts: 7 } }\n',
      'my-handlers/report.queue.mts': queueFile('report', {
        schema: 'Type.Object({})',
        more: "schedule: { pattern: '0 6 * * *', tz: 'Europe/Berlin' }, runAtStart: true,",
      }),
    });
    write({
      'holdfast.yaml': "handlers: ['./my-handlers/*.ts', ./my-handlers]\nqueues: { mail: { attempts: 7 } }\n",
      'my-handlers/report.handler.mjs': 'export default () => 42;',
    });
    const api = await startApi(embedded());
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
    expect(await api.node.kill('SIGTERM')).toMatchObject({ code: 0 });
  });

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
    killAll(home.path);
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
    killAll(home.path);
  });

  it('is there after npm start', async () => {
    write(mail);
    const program = await start(embedded());
    const { id } = await program.post('/v1/queues/mail/jobs', { data: { to: 'ada@example.com' } });
    expect(await ended(program, 'mail', String(id))).toMatchObject({ state: 'completed' });
    expect(await program.node.kill('SIGTERM')).toMatchObject({ code: 0 });
  });

  it('can be turned off, and is not looked into then', async () => {
    write({ ...mail, 'my-handlers/mail.queue.ts': 'nonsense(' });
    write({ 'holdfast.yaml': 'handlers: ./my-handlers/*.ts\nqueues: { mail: { enabled: false } }\n' });
    const api = await startApi(embedded());
    const answer = await api.request('/v1/queues/mail');
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'QUEUE_DISABLED' }]);
    expect(await api.node.kill('SIGTERM')).toMatchObject({ code: 0 });
  });

  it('may run its jobs in threads, whose file finds the packages as well', async () => {
    write({
      ...mail,
      'my-handlers/mail.handler.ts': "export default { thread: new URL('./mail.thread.ts', import.meta.url) };",
      'my-handlers/mail.thread.ts': `
        import { isMainThread } from 'node:worker_threads';
        import { Type } from 'typebox';
        import { PermanentError } from '@holdfast/queue';
        export default async () => [isMainThread, Type.String().type, PermanentError.name];`,
    });
    const api = await startApi(embedded());
    const { id } = await api.post('/v1/queues/mail/jobs', { data: { to: 'ada@example.com' } });
    expect(await ended(api, 'mail', String(id))).toMatchObject({ result: [false, 'string', 'PermanentError'] });
    expect(await api.node.kill('SIGTERM')).toMatchObject({ code: 0 });
  });

  it('may come in a package, as JavaScript of either kind', async () => {
    const definition = queueFile('mail').replace('export default', 'module.exports =');
    const script = definition.replaceAll(/import (\{.*\}) from ('.*');/g, 'const $1 = require($2);');
    write({
      'holdfast.yaml': 'handlers: "@acme/mailer"\n',
      'node_modules/@acme/mailer/package.json': JSON.stringify({
        name: '@acme/mailer',
        version: '1.0.0',
        exports: './index.js',
        holdfast: { handlers: './dist/*.*js' },
      }),
      'node_modules/@acme/mailer/index.js': '',
      'node_modules/@acme/mailer/dist/mail.queue.cjs': script,
      'node_modules/@acme/mailer/dist/mail.handler.mjs': 'export default async ({ data }) => data.to;',
    });
    const api = await startApi(embedded());
    const { id } = await api.post('/v1/queues/mail/jobs', { data: { to: 'ada@example.com' } });
    expect(await ended(api, 'mail', String(id))).toMatchObject({ result: 'ada@example.com' });
    expect(await api.node.kill('SIGTERM')).toMatchObject({ code: 0 });
  });
});

describe('files that cannot be used end the start with 78 and tell everything that is wrong, with the path', () => {
  const whole = (name: string): Record<string, string> => ({
    [`my-handlers/${name}.queue.ts`]: queueFile(name),
    [`my-handlers/${name}.handler.ts`]: 'export default async () => undefined;',
  });

  it('in the files of queues', async () => {
    write({
      'holdfast.yaml': `handlers: [./my-handlers/*.ts, './none/*.ts', not-installed]\nqueues: { declared: { url: 'http://127.0.0.1:1' } }\n`,
      ...Object.assign({}, ...['syntax', 'bare', 'other', 'declared', 'renamed', 'refused', 'scheduled'].map(whole)),
      ...whole('http-delivery'),
      'my-handlers/syntax.queue.ts': 'const a: number = 1;\nconst b = ;\n',
      'my-handlers/bare.queue.ts': 'export const queue = 1;',
      'my-handlers/other.queue.ts': "export default 'other';",
      'my-handlers/renamed.queue.ts': queueFile('named'),
      'my-handlers/refused.queue.ts': queueFile('refused').replace('attempts: 3', 'attempts: 0'),
      'my-handlers/scheduled.queue.ts': queueFile('scheduled', { more: 'schedule: { everyMs: 60_000 },' }),
      'my-handlers/lonely.queue.ts': queueFile('lonely'),
      'my-handlers/useless.handler.ts': 'export default async () => 1;',
      'my-handlers/Loud.queue.ts': queueFile('Loud'),
      'my-handlers/Loud.handler.ts': 'export default async () => 1;',
    });
    const node = run('api', { PORT: '0', ...embedded() });
    expect(await node.exited).toMatchObject({ code: 78 });
    const output = node.lines.join('\n').replaceAll(`${home.path}/`, '');
    expect(node.lines.at(-1)).toContain('"msg":"The handlers of holdfast.yaml cannot be used"');
    for (const problem of [
      './none/*.ts matches no *.queue.ts and no *.handler.ts in ',
      'not-installed is no package that is installed in ',
      'my-handlers/syntax.queue.ts:2: Expression expected',
      'my-handlers/bare.queue.ts has no default export',
      'my-handlers/other.queue.ts: its default export is no queue',
      'my-handlers/renamed.queue.ts defines the queue \\"named\\"',
      'my-handlers/refused.queue.ts throws QueueDefinitionError: ',
      'my-handlers/scheduled.queue.ts has a schedule',
      'my-handlers/lonely.queue.ts has no lonely.handler.ts',
      'my-handlers/useless.handler.ts has no useless.queue.ts',
      'my-handlers/Loud.queue.ts: the name of a queue',
      'my-handlers/declared.queue.ts: the name declared is taken by queues.declared.url in holdfast.yaml',
      'my-handlers/http-delivery.queue.ts: the name http-delivery is taken by a queue of Holdfast itself',
    ]) {
      expect(output).toContain(problem);
    }
    expect(output).not.toMatch(/^\s+at /m);
  });

  it('in what the files of queues export, and in links', async () => {
    write({
      'holdfast.yaml': 'handlers: ./my-handlers/*.ts\n',
      ...Object.assign(
        {},
        ...['thrown', 'getter', 'pattern', 'typo', 'number', 'circle', 'nowhere', 'itself'].map(whole),
      ),
      'my-handlers/thrown.queue.ts': 'throw Object.create(null);',
      'my-handlers/getter.queue.ts': "export default { get name() { throw new Error('not yet'); } };",
      'my-handlers/pattern.queue.ts': queueFile('pattern', { schema: "{ type: 'string', pattern: '(' }" }),
      'my-handlers/typo.queue.ts': queueFile('typo', {
        schema: "{ type: 'object', properties: { to: { type: 'strnig' } } }",
      }),
      'my-handlers/number.queue.ts': queueFile('number', { schema: '{ const: 10n }' }),
      'my-handlers/circle.queue.ts': `const circle = {}; circle.items = circle; ${queueFile('circle', { schema: 'circle' })}`,
    });
    for (const name of ['nowhere', 'itself']) {
      rmSync(path(`my-handlers/${name}.queue.ts`));
      symlinkSync(name === 'itself' ? 'itself.queue.ts' : './gone.ts', path(`my-handlers/${name}.queue.ts`));
    }
    const node = run('api', { PORT: '0', ...embedded() });
    expect(await node.exited).toMatchObject({ code: 78 });
    const output = node.lines.join('\n').replaceAll(`${home.path}/`, '');
    const unfit = 'its payload is no JSON Schema that can be checked';
    for (const problem of [
      'my-handlers/thrown.queue.ts throws [Object: null prototype] {}',
      'my-handlers/getter.queue.ts throws Error: not yet (my-handlers/getter.queue.ts:1:',
      `my-handlers/pattern.queue.ts: ${unfit}: Invalid regular expression`,
      `my-handlers/typo.queue.ts: ${unfit}: payload.properties.to.type is not valid (allowed: object,`,
      `my-handlers/number.queue.ts: ${unfit}: Do not know how to serialize a BigInt`,
      `my-handlers/circle.queue.ts: ${unfit}: Converting circular structure to JSON`,
      'my-handlers/nowhere.queue.ts is a link that leads nowhere',
      'my-handlers/itself.queue.ts is a link that leads nowhere',
    ]) {
      expect(output).toContain(problem);
    }
  });

  it('in a file that ends the process', async () => {
    write({
      'holdfast.yaml': 'handlers: ./my-handlers\n',
      ...whole('leaves'),
      'my-handlers/leaves.queue.ts': 'process.exit(0);',
    });
    const node = run('api', { PORT: '0', ...embedded() });
    expect(await node.exited).toMatchObject({ code: 78 });
    expect(node.lines.join('\n')).toContain(
      `The process was ended while it imported ${path('my-handlers/leaves.queue.ts')}.`,
    );
  });

  it('in the files of handlers', async () => {
    write({
      'holdfast.yaml': 'handlers: [./my-handlers, ./scripts]\n',
      'scripts/package.json': '{ "type": "commonjs" }',
      'scripts/common.queue.mts': queueFile('common'),
      'scripts/common.handler.ts': "import '@holdfast/queue';\nexport default async () => 1;",
      ...Object.assign({}, ...['enum', 'script', 'import', 'type', 'text', 'bare'].map(whole)),
      'my-handlers/enum.handler.ts': 'export default async () => A.B;\nenum A { B }\n',
      'my-handlers/import.handler.ts': "import 'left-pad';\nexport default async () => 1;",
      'my-handlers/type.handler.ts': "import { Handler } from '@holdfast/queue';\nexport default async () => 1;",
      'my-handlers/text.handler.ts': "export default 'text';",
      'my-handlers/bare.handler.ts': 'export const handler = 1;',
    });
    // Of JavaScript, Node itself tells no line.
    write({
      'my-handlers/js.queue.ts': queueFile('js'),
      'my-handlers/js.handler.mjs': '\n\nexport default async () => ;\n',
    });
    const node = run('worker', { WORKER_PORT: '0', ...onRedis() });
    expect(await node.exited).toMatchObject({ code: 78 });
    const output = node.lines.join('\n').replaceAll(`${home.path}/`, '');
    for (const problem of [
      'my-handlers/enum.handler.ts:2: TypeScript enum is not supported in strip-only mode; Node only removes types',
      "my-handlers/import.handler.ts: Cannot find package 'left-pad'",
      "my-handlers/type.handler.ts:1: The requested module '@holdfast/queue' does not provide an export named 'Handler'; if that is a type, write",
      'my-handlers/text.handler.ts: its default export is no handler',
      'my-handlers/bare.handler.ts has no default export',
      "my-handlers/js.handler.mjs:3: Unexpected token ';'",
      'scripts/common.handler.ts:1: Cannot use import statement outside a module; its package.json has to say \\"type\\": \\"module\\"',
    ]) {
      expect(output).toContain(problem);
    }
  });

  it('when a file waits for ever at its top level', async () => {
    write({ ...mail, 'my-handlers/mail.queue.ts': 'await new Promise(() => {});\nexport default 1;' });
    const node = run('api', { PORT: '0', ...embedded() });
    expect(await node.exited).toMatchObject({ code: 78 });
    expect(node.lines.join('\n')).toContain(`${path('my-handlers/mail.queue.ts')} is not loaded after 20 s`);
  });

  it('when two files have one name, or TypeScript is installed', async () => {
    write({
      'holdfast.yaml': 'handlers: [./a, ./b, thing]\n',
      'a/mail.queue.ts': queueFile('mail'),
      'a/mail.handler.ts': mailHandler,
      'b/mail.queue.ts': queueFile('mail'),
      'node_modules/thing/package.json': '{ "name": "thing", "holdfast": { "handlers": "./*.ts" } }',
      'node_modules/thing/x.queue.ts': queueFile('x'),
      'node_modules/thing/x.handler.ts': mailHandler,
    });
    const node = run('api', { PORT: '0', ...embedded() });
    expect(await node.exited).toMatchObject({ code: 78 });
    const output = node.lines.join('\n').replaceAll(`${home.path}/`, '');
    expect(output).toContain('b/mail.queue.ts: the name is that of a/mail.queue.ts already');
    expect(output).toContain('node_modules/thing/x.queue.ts is TypeScript below node_modules');
  });
});

it('the embedded queue is left alone by a start that fails', async () => {
  write(mail);
  const api = await startApi(embedded());
  const { id } = await api.post('/v1/queues/mail/jobs', { data: { to: 'ada@example.com' }, options: { delay: '1h' } });
  await api.node.kill('SIGTERM');
  write({ 'my-handlers/mail.handler.ts': 'export default 1;' });
  expect(await run('api', { PORT: '0', ...embedded() }).exited).toMatchObject({ code: 78 });
  write(mail);
  const again = await startApi(embedded());
  await eventually(async () => {
    expect(await again.json(`/v1/queues/mail/jobs/${String(id)}`)).toMatchObject({ state: 'delayed' });
  });
  expect(await again.node.kill('SIGTERM')).toMatchObject({ code: 0 });
});
