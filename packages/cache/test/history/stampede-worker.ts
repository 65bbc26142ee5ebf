import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEngine, createKeys } from '@holdfast/redis-core';
import { Cache, NearCache } from '../../src/index.ts';

/** What the test tells a process, as JSON in its first argument. */
export interface StampedeTask {
  readonly host: string;
  readonly port: number;
  readonly prefix: string;
  readonly calls: number;
  readonly loaderMs: number;
  readonly leaseMs: number;
}

/** Asks for one cold key many times at once, when it is told to; says when its loader is called, and what came out. */
const task = JSON.parse(process.argv[2] ?? '') as StampedeTask;
const engine = createEngine({ name: 'stampede', target: { kind: 'standalone', host: task.host, port: task.port } });
await engine.time();
const near = new NearCache(engine);
const keys = createKeys(task.prefix);
const cache = new Cache({ engine, keys, namespace: 'ns', ttlMs: 60_000, leaseMs: task.leaseMs }, { near });

const began = once(process, 'SIGUSR2');
console.log('ready');
await began;
const calls = Array.from({ length: task.calls }, () =>
  cache.getOrSet('cold', async () => {
    console.log('loading');
    await sleep(task.loaderMs);
    return process.pid;
  }),
);
const values = new Set(await Promise.all(calls));
console.log(`got ${[...values].join(' ')}`);
near.close();
await engine.close();
