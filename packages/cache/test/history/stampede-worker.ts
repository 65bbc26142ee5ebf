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
const keys = createKeys(task.prefix);
const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000, leaseMs: task.leaseMs }, { l1 });

const [began, ends] = [once(process, 'SIGUSR2'), once(process, 'SIGHUP')];
console.log('ready');
await began;
const calls = Array.from({ length: task.calls }, () =>
  cache.getOrSet('cold', async () => {
    console.log('loading');
    await ends;
    return process.pid;
  }),
);
console.log('asked');
const values = new Set(await Promise.all(calls));
console.log(`got ${[...values].join(' ')}`);
l1.close();
await engine.close();
