import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKeys } from '@holdfast/redis-core';
import { PlainRedis, type RedisServer, spawnNode, startRedis } from '@holdfast/testing';
import { type Change, type HistoryEvent, now } from './events.ts';
import { keys, namespaces } from './program.ts';
import { Random } from './random.ts';
import type { WorkerTask } from './worker.ts';

export interface HistoryOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Default 4. */
  readonly processes?: number;
  /** Of `mutations.ts`, in all processes. */
  readonly mutation?: string;
  /**
   * On a Redis that is full and remembers few of the keys that were read: half of the processes only read, and write large
   * values of their own, so that Redis forgets what they hold inside their own commands. Default false.
   */
  readonly isFull?: boolean;
}

/** Full within a second, and then all the time. */
const FULL = ['--maxmemory', '6mb', '--maxmemory-policy', 'allkeys-lru', '--tracking-table-max-keys', '20'];

/** What starting the processes, all at once on a busy machine, may take. */
const START_MS = 60_000;
/** Between two disturbances from outside, on average. Where Redis is full there are few: each lets a process begin anew. */
const DISTURBANCE_MS = { usual: 60, full: 600 } as const;
/** What Redis may take to notice that a key is over which nobody reads: it looks ten times a second. */
const EXPIRY_CYCLE_MS = 500;

/** Lets several processes do random things to one Redis of their own, disturbs them, and replies what they wrote down. */
export async function makeHistory(options: HistoryOptions): Promise<HistoryEvent[]> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-history-'));
  const isFull = options.isFull === true;
  const server = await startRedis({ args: isFull ? FULL : [] });
  try {
    const names = Array.from({ length: options.processes ?? 4 }, (_, index) => `p${index + 1}`);
    const files = names.map((name) => join(directory, `${name}.jsonl`));
    const workers = names.map((name, index) => {
      const task: WorkerTask = {
        process: name,
        host: server.host,
        port: server.port,
        prefix: 'history',
        seed: options.seed * 100 + index,
        callers: 8,
        seconds: options.seconds,
        file: files[index] ?? '',
        role: isFull ? (index % 2 === 0 ? 'filling reader' : 'filling') : 'all',
        ...(options.mutation === undefined ? {} : { mutation: options.mutation }),
      };
      return { name, node: spawnNode(new URL('worker.ts', import.meta.url), { args: [JSON.stringify(task)] }) };
    });
    const timeoutMs = options.seconds * 1000 + 30_000;
    await Promise.all(workers.map(({ node }) => node.waitForLine(/^ready$/, { timeoutMs: START_MS })));
    const until = now() + options.seconds * 1000;
    for (const { node } of workers) node.signal('SIGUSR2');
    const done = Promise.all(workers.map(({ node }) => node.waitForLine(/^done$/, { timeoutMs })));
    const events: HistoryEvent[] = [];
    const pids = new Map(workers.map(({ name, node }) => [name, node.pid]));
    const [, disturbed] = await Promise.all([
      done,
      disturb(server, pids, new Random(options.seed), until, DISTURBANCE_MS[isFull ? 'full' : 'usual']),
    ]);
    events.push(...disturbed);
    for (const file of files) {
      for await (const line of createInterface({ input: createReadStream(file) })) {
        events.push(JSON.parse(line) as HistoryEvent);
      }
    }
    return events;
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What happens to a cache from outside: connections are killed, processes paused, and somebody uses `redis-cli`. */
async function disturb(
  server: RedisServer,
  pids: ReadonlyMap<string, number>,
  random: Random,
  until: number,
  everyMs: number,
): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  const redis = await PlainRedis.connect(server.url);
  const layout = createKeys('history');
  const [first = '', ...others] = pids.keys();
  const change = async (
    what: string,
    mode: Change['mode'],
    argv: string[],
    full: string[],
    tagged: string[] | null,
  ) => {
    const from = now();
    await redis.send(...argv);
    const to = now() + (argv[0] === 'PEXPIRE' ? EXPIRY_CYCLE_MS : 0);
    events.push({ type: 'change', process: 'outside', what, mode, keys: full, tags: tagged, from, to, ok: true });
  };
  for (;;) {
    await sleep(random.between(0, 2 * everyMs));
    // A process that is paused now ends the later for it, and must not have ended before.
    if (now() >= until - 200) break;
    const victim = random.pick([first, ...others]);
    const namespace = random.pick(['plain', 'graceful']);
    const key = random.pick(keys);
    const full = `${namespace}/${key}`;
    const all = keys.map((one) => `${namespace}/${one}`);
    const from = now();
    switch (
      random.weighted({ killCommands: 3, killSubscriber: 3, pause: 1, del: 3, pexpire: 2, evictTags: 1, flush: 1 })
    ) {
      case 'killCommands':
      case 'killSubscriber': {
        const role = random.pick(['commands', 'subscriber']);
        await killConnections(redis, `holdfast:${victim}:${role}`);
        events.push({ type: 'disturbance', process: victim, what: `${role} connection killed`, from, to: now() });
        break;
      }
      case 'pause': {
        const pid = pids.get(victim);
        if (pid === undefined) break;
        process.kill(pid, 'SIGSTOP');
        await sleep(random.between(10, 200));
        process.kill(pid, 'SIGCONT');
        events.push({ type: 'disturbance', process: victim, what: 'paused', from, to: now() });
        break;
      }
      case 'del':
        await change('redis-cli DEL', 'delete', ['DEL', layout.cache(namespace, key)], [full], null);
        break;
      case 'pexpire':
        await change('redis-cli PEXPIRE', 'delete', ['PEXPIRE', layout.cache(namespace, key), '1'], [full], null);
        break;
      case 'evictTags':
        await change('eviction of the tags', 'evict', ['DEL', layout.cacheTags(namespace)], all, ['red', 'green']);
        break;
      case 'flush': {
        const everything = Object.keys(namespaces).flatMap((one) => keys.map((name) => `${one}/${name}`));
        await change('redis-cli FLUSHDB', 'delete', ['FLUSHDB'], everything, null);
      }
    }
  }
  redis.close();
  return events;
}

async function killConnections(redis: PlainRedis, name: string): Promise<void> {
  const list = String(await redis.send('CLIENT', 'LIST'));
  for (const line of list.split('\n').filter((one) => one.includes(`name=${name} `))) {
    await redis.send('CLIENT', 'KILL', 'ID', /id=(\d+)/.exec(line)?.[1] ?? '');
  }
}
