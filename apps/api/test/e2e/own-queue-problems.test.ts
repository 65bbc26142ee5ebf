import { rmSync, symlinkSync } from 'node:fs';
import { eventually, type SpawnedNode } from '@holdfast/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mail, mailHandler, makeInstallation, queueFile, useInstallation } from './own-files.ts';
import { run, startApi, type Env } from './system.ts';

const { path, write, embedded, onRedis, relative } = useInstallation();

/** What a process says that does not start. */
async function outputOfRefused(node: SpawnedNode): Promise<string> {
  expect(await node.exited).toMatchObject({ code: 78 });
  return node.lines.join('\n');
}

/** The same of one that is started here, with the paths of files as they are written here. */
async function whyNot(program: 'api' | 'worker', env: Env): Promise<string> {
  return relative(await outputOfRefused(run(program, { PORT: '0', WORKER_PORT: '0', ...env })));
}

describe('files that cannot be used end the start with 78 and tell everything that is wrong, with the path', () => {
  const whole = (name: string): Record<string, string> => ({
    [`my-handlers/${name}.queue.ts`]: queueFile(name),
    [`my-handlers/${name}.handler.ts`]: 'export default async () => undefined;',
  });

  // It is given up after 20 s, which pass while the other tests run.
  let waitingInstallation: Awaited<ReturnType<typeof makeInstallation>>;
  let waiting: SpawnedNode;
  beforeAll(async () => {
    waitingInstallation = await makeInstallation();
    waitingInstallation.write({
      ...mail,
      'my-handlers/mail.queue.ts': 'await new Promise(() => {});\nexport default 1;',
    });
    waiting = run('api', { PORT: '0', ...waitingInstallation.embedded() });
  });
  afterAll(() => waitingInstallation.remove());

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
    const output = await whyNot('api', embedded());
    expect(output.split('\n').at(-1)).toContain('"msg":"The handlers of holdfast.yaml cannot be used"');
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
      'holdfast.yaml': 'handlers: [./my-handlers/*.ts, ./circle]\n',
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
    symlinkSync('circle', path('circle'));
    for (const name of ['nowhere', 'itself']) {
      rmSync(path(`my-handlers/${name}.queue.ts`));
      symlinkSync(name === 'itself' ? 'itself.queue.ts' : './gone.ts', path(`my-handlers/${name}.queue.ts`));
    }
    const output = await whyNot('api', embedded());
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
      './circle matches no *.queue.ts and no *.handler.ts in ',
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
    expect(await whyNot('api', embedded())).toContain(
      'The process was ended while it imported my-handlers/leaves.queue.ts.',
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
    const output = await whyNot('worker', onRedis());
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
    const output = await whyNot('api', embedded());
    expect(output).toContain('b/mail.queue.ts: the name is that of a/mail.queue.ts already');
    expect(output).toContain('node_modules/thing/x.queue.ts is TypeScript below node_modules');
  });

  it('when a file waits for ever at its top level', async () => {
    const output = await outputOfRefused(waiting);
    expect(waitingInstallation.relative(output)).toContain('my-handlers/mail.queue.ts is not loaded after 20 s');
  });
});

it('the embedded queue is left alone by a start that fails', async () => {
  write(mail);
  const api = await startApi(embedded());
  const { id } = await api.post('/v1/queues/mail/jobs', { data: { to: 'ada@example.com' }, options: { delay: '1h' } });
  await api.node.kill('SIGTERM');
  write({ 'my-handlers/mail.handler.ts': 'export default 1;' });
  await whyNot('api', embedded());
  write(mail);
  const again = await startApi(embedded());
  await eventually(async () => {
    expect(await again.json(`/v1/queues/mail/jobs/${String(id)}`)).toMatchObject({ state: 'delayed' });
  });
  expect(await again.node.kill('SIGTERM')).toMatchObject({ code: 0 });
});
