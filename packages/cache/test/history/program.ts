import { setImmediate as yieldToOthers, setTimeout as sleep } from 'node:timers/promises';
import { HoldfastError, type Keys, type RedisEngine } from '@holdfast/redis-core';
import type { Cache, LoaderContext } from '../../src/index.ts';
import { type Change, type HistoryEvent, now } from './events.ts';
import type { Random } from './random.ts';

/** Few, so that they meet. */
export const keys = ['a1', 'a2', 'b1', 'b2'] as const;
const tags = ['red', 'green'] as const;
/** `graceful` keeps expired values for those who have a loader, and refreshes behind their backs. */
export const namespaces = {
  plain: { ttlMs: 60_000, leaseMs: 500, hardTimeoutMs: 400 },
  graceful: { ttlMs: 60_000, softTtlMs: 150, graceMs: 2000, leaseMs: 500, hardTimeoutMs: 400, failureThrottleMs: 50 },
} as const;

const operations = {
  get: 38,
  getOrSet: 26,
  getMany: 3,
  getOrSetMany: 4,
  set: 8,
  setMany: 2,
  create: 2,
  delete: 5,
  deleteMany: 1,
  invalidateTags: 4,
  expireTags: 1,
  invalidatePrefix: 0.6,
  expirePrefix: 0.4,
  invalidateAll: 0.3,
} as const;

/** `filling`: writes large values besides, with a Redis that is full. */
export type Role = 'all' | 'filling' | 'filling reader';

/** What it does then comes rarely for one key, so that what is stale stays so for a while. */
const weights: Readonly<Record<Role, Readonly<Record<keyof typeof operations, number>>>> = {
  all: operations,
  filling: { ...operations, invalidatePrefix: 0.1, expirePrefix: 0.1, invalidateAll: 0.05 },
  'filling reader': {
    ...(Object.fromEntries(Object.keys(operations).map((name) => [name, 0])) as Record<
      keyof typeof operations,
      number
    >),
    get: 90,
    getMany: 10,
  },
};

export interface Recorder {
  readonly process: string;
  record(event: HistoryEvent): void;
  /** An id for a value that nobody else has. */
  newId(): string;
}

/** One of the callers of a process: does one random operation after the other until `until`. */
export async function act(
  caches: readonly Cache[],
  recorder: Recorder,
  random: Random,
  until: number,
  role: Role,
): Promise<void> {
  while (now() < until) {
    for (const cache of caches) await new Step(cache, recorder, random).run(random.weighted(weights[role]));
    if (random.next() < 0.3) await sleep(random.between(0, 4));
    else await yieldToOthers();
  }
}

/** Keys that nobody reads, one after the other: each evicts something inside a command of this very process. */
export async function fill(engine: RedisEngine, keys: Keys, process: string, until: number): Promise<void> {
  for (let index = 0; now() < until; index += 1) {
    const key = keys.cache('filling', `${process}-${index}`);
    await orFailure(() => engine.set(key, 'x'.repeat(20_000), { pxMs: 60_000 }));
    await sleep(index % 5 === 0 ? 1 : 0);
  }
}

interface Labels {
  readonly tags: readonly string[];
  readonly ttlMs: number | null;
}

class Step {
  readonly #cache: Cache;
  readonly #recorder: Recorder;
  readonly #random: Random;

  constructor(cache: Cache, recorder: Recorder, random: Random) {
    this.#cache = cache;
    this.#recorder = recorder;
    this.#random = random;
  }

  async run(name: keyof typeof operations): Promise<void> {
    const cache = this.#cache;
    const random = this.#random;
    const key = random.pick(keys);
    switch (name) {
      case 'get':
        return this.#read('get', [key], async () => [await cache.get<string>(key)]);
      case 'getMany':
        return this.#read('get', keys, () => cache.getMany<string>(keys));
      case 'getOrSet':
        return this.#read('getOrSet', [key], async () => [await cache.getOrSet(key, (context) => this.#load(context))]);
      case 'getOrSetMany':
        return this.#read('getOrSet', keys, () => this.#loadMany());
      case 'set':
        return this.#put([key], 'set');
      case 'setMany':
        return this.#put(keys, 'setMany');
      case 'create':
        return this.#put([key], 'create');
      case 'delete':
        return this.#change('delete', 'delete', [key], null, () => cache.delete(key));
      case 'deleteMany':
        return this.#change('deleteMany', 'delete', keys, null, () => checked(cache.deleteMany(keys)));
      case 'invalidateTags':
      case 'expireTags': {
        const chosen = random.next() < 0.3 ? [...tags] : [random.pick(tags)];
        const mode = name === 'expireTags' ? 'expire' : 'delete';
        return this.#change(`tags ${chosen.join('+')}`, mode, keys, chosen, () =>
          cache.invalidate({ tags: chosen }, { mode }),
        );
      }
      case 'invalidatePrefix':
      case 'expirePrefix': {
        const prefix = random.pick(['a', 'b']);
        const mode = name === 'expirePrefix' ? 'expire' : 'delete';
        const covered = keys.filter((one) => one.startsWith(prefix));
        return this.#change(`prefix ${prefix}`, mode, covered, null, () => cache.invalidate({ prefix }, { mode }));
      }
      case 'invalidateAll':
        return this.#change('all', 'delete', keys, null, () => cache.invalidate({ all: true }));
    }
  }

  async #read(
    how: 'get' | 'getOrSet',
    asked: readonly string[],
    read: () => Promise<readonly (string | undefined)[]>,
  ): Promise<void> {
    const from = now();
    const values = await orFailure(read);
    if (values === undefined) return;
    const to = now();
    for (const [index, key] of asked.entries()) {
      const event = { type: 'read', how, key: this.#full(key), from, to, value: values[index] ?? null } as const;
      this.#recorder.record({ ...event, process: this.#recorder.process });
    }
  }

  async #put(chosen: readonly string[], how: 'set' | 'setMany' | 'create'): Promise<void> {
    const cache = this.#cache;
    const puts = chosen.map((key) => ({ key, id: this.#recorder.newId(), ...this.#labels() }));
    const from = now();
    const outcome = await orFailure(async () => {
      if (how === 'setMany') {
        await checked(cache.setMany(puts.map(({ id, ...put }) => ({ ...put, value: id }))));
        return 'stored';
      }
      const [put] = puts;
      if (put === undefined) return 'exists';
      const { key, id, ttlMs, tags: labels } = put;
      if (how === 'set') {
        await cache.set(key, id, { ttlMs, tags: labels });
        return 'stored';
      }
      const item = { body: JSON.stringify(id), contentType: 'application/json', ttlMs, tags: labels };
      return (await cache.write(key, item, { createOnly: true })).outcome;
    });
    if (outcome === 'exists') return;
    const to = now();
    for (const { key, id, ttlMs, tags: labels } of puts) {
      const event = { type: 'put', id, key: this.#full(key), from, to, ok: outcome !== undefined } as const;
      this.#recorder.record({ ...event, process: this.#recorder.process, tags: labels, ttlMs });
    }
  }

  async #change(
    what: string,
    mode: Change['mode'],
    covered: readonly string[],
    labels: readonly string[] | null,
    change: () => Promise<unknown>,
  ): Promise<void> {
    const from = now();
    const ok = (await orFailure(async () => [await change()])) !== undefined;
    const { process } = this.#recorder;
    const full = covered.map((key) => this.#full(key));
    this.#recorder.record({ type: 'change', process, what, mode, keys: full, tags: labels, from, to: now(), ok });
  }

  /** Mostly quick, sometimes slow, now and then too slow, and sometimes in vain. */
  async #load(context: LoaderContext<string>): Promise<string> {
    const from = now();
    const id = this.#recorder.newId();
    const labels = this.#labels();
    await this.#latency();
    context.setTags(labels.tags);
    context.setTtl(labels.ttlMs);
    this.#recordLoad(context.key, id, from, labels);
    return id;
  }

  async #loadMany(): Promise<(string | undefined)[]> {
    const labels = this.#labels();
    return this.#cache.getOrSetMany<string>(
      keys,
      async (missing) => {
        const from = now();
        const loaded = missing.map((key) => [key, this.#recorder.newId()] as const);
        await this.#latency();
        for (const [key, id] of loaded) this.#recordLoad(key, id, from, labels);
        return new Map(loaded);
      },
      labels,
    );
  }

  async #latency(): Promise<void> {
    const random = this.#random;
    const kind = random.weighted({ quick: 60, slow: 30, 'very slow': 3, failing: 7 });
    await sleep(kind === 'very slow' ? random.between(100, 600) : random.between(0, kind === 'slow' ? 40 : 4));
    if (kind === 'failing') throw new Error('The source is down.');
  }

  #recordLoad(key: string, id: string, from: number, labels: Labels): void {
    const event = { type: 'load', id, key: this.#full(key), from, to: now(), ...labels } as const;
    this.#recorder.record({ ...event, process: this.#recorder.process });
  }

  #labels(): Labels {
    const random = this.#random;
    return {
      tags: random.next() < 0.5 ? [] : random.some(tags),
      ttlMs: random.pick([null, 60_000, 1000, 200]),
    };
  }

  #full(key: string): string {
    return `${this.#cache.namespace}/${key}`;
  }
}

/** A bulk call reports failures instead of throwing them: some of its keys may have been changed. */
async function checked(call: Promise<{ readonly failed: number }>): Promise<void> {
  const { failed } = await call;
  if (failed > 0) throw new HistoryFailure();
}

class HistoryFailure extends Error {}

/** `undefined`: it failed as it may, with an error of the library or of a loader. */
async function orFailure<Value>(call: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await call();
  } catch (error) {
    const isExpected = error instanceof HoldfastError || error instanceof HistoryFailure;
    if (!isExpected && !(error instanceof Error && error.message === 'The source is down.')) throw error;
    return undefined;
  }
}
