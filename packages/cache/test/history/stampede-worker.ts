import { once } from 'node:events';
import { createEngine, createKeys } from '@holdfast/redis-core';
import { eventually } from '@holdfast/testing';
import { Cache, L1Cache } from '../../src/index.ts';

/** What the test tells a process, as JSON in its first argument. */
export interface StampedeTask {
  readonly host: string;
  readonly port: number;
  readonly prefix: string;
  readonly calls: number;
  readonly leaseMs: number;
  /** What is there before: nothing, or an entry that is to be loaded anew. */
  readonly before: 'nothing' | 'stale' | 'expired';
}

/**
 * Asks for one cold key many times at once, when it is told to (SIGUSR2); says so, and when its loader is called, which
 * ends when it is told to (SIGHUP), and what came out.
 */
const task = JSON.parse(process.argv[2] ?? '') as StampedeTask;
const engine = createEngine({ name: 'stampede', target: { kind: 'standalone', host: task.host, port: task.port } });
// Starting, all at once on a busy machine, may take longer than a command may.
await eventually(() => engine.time());
const l1 = new L1Cache(engine);
// Without it who waits looks for himself, and is served what is over after a moment.
await eventually(() => {
  if (!l1.isTracked) throw new Error('Redis reports nothing yet.');
});
const keys = createKeys(task.prefix);
const rules = {
  ttlMs: 600_000,
  graceMs: 600_000,
  leaseMs: task.leaseMs,
  ...(task.before === 'stale' ? { softTtlMs: 1 } : {}),
};
const cache = new Cache({ engine, keys, namespace: 'ns', ...rules }, { l1 });
if (task.before !== 'nothing') await cache.set('cold', 'old');
if (task.before === 'expired') await cache.invalidate({ keys: ['cold'] }, { mode: 'expire' });

const [began, ends] = [once(process, 'SIGUSR2'), once(process, 'SIGHUP')];
console.log('ready');
await began;
const calls = Array.from({ length: task.calls }, () =>
  cache.getOrSet<unknown>('cold', async () => {
    console.log('loading');
    await ends;
    return process.pid;
  }),
);
console.log('asked');
const values = new Set(await Promise.all(calls));
console.log(`got ${[...values].join(' ')}`);
// Who was served what is stale sees the new value when it is there.
await eventually(async () => {
  if ((await cache.get('cold')) === 'old') throw new Error('It is still the old one.');
});
console.log(`then ${String(await cache.get('cold'))}`);
l1.close();
await engine.close();
