/**
 * How much of `packages/queue/src` does one job take on its way from the POST to the result of its handler? Counted with V8's
 * precise coverage, in the process of the API and in that of the consumer: the files of which something ran, and how often
 * a function was entered.
 *
 * Of several jobs the one that took least counts: the others had the heartbeat beside them. `--list` tells each function.
 */
import { Session } from 'node:inspector/promises';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Consumer, createRedisBackend, defineQueue } from '@holdfast/queue';
import { eventually, freePort, redisCommand, spawnNode, startRedis } from '@holdfast/testing';
import { Type } from 'typebox';

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '15' }, list: { type: 'boolean' } } });
const queue = 'http-delivery';
const source = new URL('../../packages/queue/src/', import.meta.url).href;

/** What V8 counted since it was asked before. */
interface Coverage {
  readonly result: readonly {
    readonly url: string;
    readonly functions: readonly {
      readonly functionName: string;
      readonly ranges: readonly { readonly count: number; readonly startOffset: number }[];
    }[];
  }[];
}

/** `<process> <file> <function>` by how often it was entered. */
type Entries = Map<string, number>;

interface Counted {
  take(): Promise<Coverage>;
  /** A process whose inspector is in use does not end. */
  close(): void;
}

const settings = { callCount: true, detailed: false };

async function countHere(): Promise<Counted> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', settings);
  return { take: async () => session.post('Profiler.takePreciseCoverage'), close: () => session.disconnect() };
}

async function countIn(inspectorPort: number): Promise<Counted> {
  const [target] = (await (await fetch(`http://127.0.0.1:${inspectorPort}/json/list`)).json()) as {
    readonly webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', reject, { once: true });
  });
  const waiting = new Map<number, (result: unknown) => void>();
  socket.addEventListener('message', ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { readonly id: number; readonly result: unknown };
    waiting.get(id)?.(result);
  });
  let last = 0;
  const post = async (method: string, params: object = {}): Promise<unknown> => {
    last += 1;
    const answer = Promise.withResolvers<unknown>();
    waiting.set(last, answer.resolve);
    socket.send(JSON.stringify({ id: last, method, params }));
    return answer.promise;
  };
  await post('Profiler.enable');
  await post('Profiler.startPreciseCoverage', settings);
  return { take: async () => (await post('Profiler.takePreciseCoverage')) as Coverage, close: () => socket.close() };
}

function entriesOf(process: string, { result }: Coverage): Entries {
  const entries: Entries = new Map();
  for (const { url, functions } of result) {
    if (!url.startsWith(source)) continue;
    for (const { functionName, ranges } of functions) {
      const [range] = ranges;
      if (range === undefined || range.count === 0) continue;
      const name = functionName === '' ? `at ${range.startOffset}` : functionName;
      const key = `${process} ${url.slice(source.length)} ${name}`;
      entries.set(key, (entries.get(key) ?? 0) + range.count);
    }
  }
  return entries;
}

const filesOf = (entries: Entries): Set<string> => new Set([...entries.keys()].map((key) => key.split(' ')[1] ?? ''));
const sumOf = (entries: Entries): number => [...entries.values()].reduce((sum, count) => sum + count, 0);

const directory = await mkdtemp(join(tmpdir(), 'holdfast-path-'));
const redis = await startRedis();
const [apiPort, inspectorPort] = await Promise.all([freePort(), freePort()]);
const api = spawnNode(new URL('../../apps/api/src/server.ts', import.meta.url), {
  execArgs: ['--conditions=@holdfast/source', `--inspect=127.0.0.1:${inspectorPort}`],
  env: {
    REDIS_URL: redis.url,
    PORT: `${apiPort}`,
    LOG_FILE: join(directory, 'api.log'),
    HOLDFAST_DATA_DIR: directory,
  },
  cwd: directory,
});
const backend = createRedisBackend({ target: { kind: 'standalone', host: redis.host, port: redis.port } });
const definition = defineQueue({
  name: queue,
  description: 'As the API declares it, as far as a consumer is concerned.',
  payload: Type.Unknown(),
  attempts: 3,
  timeoutMs: 60_000,
  concurrency: 5,
  retention: { completed: { count: 1000 }, failed: { count: 1000 } },
});
const consumer = new Consumer({
  backend,
  definition,
  handler: async ({ id }) => {
    // Long enough for somebody to ask for it before it has ended.
    if (id.startsWith('asked')) await delay(200);
    return 'done';
  },
});
const counted: Counted[] = [];
try {
  const origin = `http://127.0.0.1:${apiPort}`;
  await eventually(
    async () => {
      if ((await fetch(`${origin}/health/ready`)).status !== 200) throw new Error('It is not ready.');
    },
    { timeoutMs: 60_000, intervalMs: 100 },
  );
  await consumer.start();
  const [here, there] = [await countHere(), await countIn(inspectorPort)];
  counted.push(here, there);

  const runJob = async (id: string, isAsked: boolean): Promise<Entries> => {
    await Promise.all([here.take(), there.take()]);
    const answer = await fetch(`${origin}/v1/queues/${queue}/jobs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ data: { url: 'https://example.com/hook' }, options: { jobId: id } }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    if (isAsked) {
      const asked = await fetch(`${origin}/v1/queues/${queue}/jobs/${id}?wait=10s`);
      const job = (await asked.json()) as { readonly state?: string };
      if (job.state !== 'completed') throw new Error(JSON.stringify(job));
    }
    const key = `holdfast:jobs:{${queue}}:${queue}:completed`;
    await eventually(async () => {
      if ((await redisCommand(redis.url, 'ZSCORE', key, id)) === null) throw new Error('It has not ended.');
    });
    const [consumed, added] = await Promise.all([here.take(), there.take()]);
    return new Map([...entriesOf('api', added), ...entriesOf('worker', consumed)]);
  };

  for (const isAsked of [false, true]) {
    const runs: Entries[] = [];
    for (let n = 0; n < Number(values.jobs); n += 1)
      runs.push(await runJob(`${isAsked ? 'asked' : 'run'}-${n}`, isAsked));
    const least = runs.reduce((one, other) => (sumOf(other) < sumOf(one) ? other : one));
    const lines = [...least].map(([name, count]) => `${count} × ${name}`);
    if (values.list === true) console.log(lines.join('\n'));
    console.log(
      `${filesOf(least).size} files, ${least.size} functions, entered ${sumOf(least)} times, ${isAsked ? 'where it is asked for with ?wait until it has ended' : 'from the POST until the result is stored'}`,
    );
  }
} finally {
  for (const each of counted) each.close();
  await consumer.close({ timeoutMs: 2000 });
  await backend.close();
  await api.kill('SIGTERM');
  await redis.stop();
  await rm(directory, { recursive: true, force: true });
}
