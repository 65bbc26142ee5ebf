import { publishEvent } from '../channels.ts';
import type {
  BatchOperation,
  BatchReply,
  BatchResult,
  Bytes,
  EngineKind,
  EngineStatus,
  RedisEngine,
  ScanPage,
  ScanReply,
  ScoredMember,
  Script,
  ScriptReply,
  SetOptions,
  SetReply,
  SortedSetPage,
  SortedSetRange,
  SortedSetScanReply,
  StreamEntry,
  Unsubscribe,
} from '../engine.ts';
import { checkSet } from '../engine-rules.ts';
import { UnavailableError } from '../errors.ts';
import { callback, checkOptions, milliseconds, oneOf, type OptionRules, text, wholeNumber } from '../option-rules.ts';
import type { MemorySlotsOptions } from './memory-slots.ts';
import { MemoryStore } from './memory-store.ts';

export interface MemoryEngineOptions extends MemorySlotsOptions {
  /** Appears in events, as the name of a connection does. Default `memory`. */
  readonly name?: string;
}

const rules: OptionRules<MemoryEngineOptions> = {
  name: text,
  now: callback,
  maxBytes: wholeNumber(0),
  eviction: oneOf('allkeys-lru', 'noeviction'),
  onEvict: callback,
  sweepEveryMs: milliseconds(1),
};

/**
 * Redis' semantics in this process: embedded mode, and the fallback of primitives that have one. Bounded in bytes.
 * Nothing survives the process, and nothing is shared with another.
 */
export class MemoryEngine implements RedisEngine {
  readonly kind: EngineKind = 'memory';
  /** Never tracked: it is in this process already. */
  readonly tracksReads: boolean = false;
  readonly trackingEpoch: number = 0;
  readonly #name: string;
  readonly #store: MemoryStore;
  readonly #channels = new Map<string, Set<(message: Buffer) => void>>();
  readonly #startedAt = Date.now();
  #closed = false;

  constructor(options: MemoryEngineOptions = {}) {
    checkOptions('MemoryEngine', options, rules);
    this.#name = options.name ?? 'memory';
    this.#store = new MemoryStore(options);
  }

  get status(): EngineStatus {
    return this.#closed
      ? { available: false, breaker: 'open', reason: 'closed' }
      : { available: true, breaker: 'closed' };
  }

  get(key: string): Promise<Buffer | null> {
    return this.#do('get', (store) => copy(store.get(key)));
  }

  mget(keys: readonly string[]): Promise<(Buffer | null)[]> {
    return this.#do('mget', (store) => keys.map((key) => copy(store.getLenient(key))));
  }

  set(key: string, value: Bytes, options: SetOptions = {}): Promise<SetReply> {
    return this.#do('set', (store) => {
      checkSet(options);
      const previous = options.get === true ? copy(store.get(key)) : null;
      if (options.nx === true && store.exists(key)) return { stored: false, previous };
      store.set(key, value, options.pxMs);
      return { stored: true, previous };
    });
  }

  del(keys: readonly string[]): Promise<number> {
    return this.#do('unlink', (store) => count(keys, (key) => store.del(key)));
  }

  touch(keys: readonly string[]): Promise<number> {
    return this.#do('touch', (store) => count(keys, (key) => store.exists(key)));
  }

  pexpire(key: string, ttlMs: number): Promise<boolean> {
    return this.#do('pexpire', (store) => store.pexpire(key, ttlMs));
  }

  pttl(key: string): Promise<number | null | undefined> {
    return this.#do('pttl', (store) => store.pttl(key));
  }

  hget(key: string, fields: readonly string[]): Promise<(Buffer | null)[]> {
    return this.#do('hmget', (store) => fields.map((field) => copy(store.hget(key, field))));
  }

  hgetall(key: string): Promise<Map<string, Buffer>> {
    return this.#do('hgetall', (store) => store.hgetall(key));
  }

  hset(key: string, fields: Readonly<Record<string, Bytes>>): Promise<number> {
    return this.#do('hset', (store) =>
      count(Object.entries(fields), ([field, value]) => store.hset(key, field, value)),
    );
  }

  hincrby(key: string, field: string, by: number): Promise<number> {
    return this.#do('hincrby', (store) => store.hincrby(key, field, by));
  }

  hdel(key: string, fields: readonly string[]): Promise<number> {
    return this.#do('hdel', (store) => count(fields, (field) => store.hdel(key, field)));
  }

  zadd(key: string, members: readonly ScoredMember[]): Promise<number> {
    return this.#do('zadd', (store) => count(members, ({ member, score }) => store.zadd(key, member, score)));
  }

  zrange(key: string, range: SortedSetRange): Promise<ScoredMember[]> {
    return this.#do('zrange', (store) => store.zrange(key, range));
  }

  zrem(key: string, members: readonly string[]): Promise<number> {
    return this.#do('zrem', (store) => count(members, (member) => store.zrem(key, member)));
  }

  zscan(key: string, page: SortedSetPage): Promise<SortedSetScanReply> {
    return this.#do('zscan', (store) => store.zscan(key, page));
  }

  zcard(key: string): Promise<number> {
    return this.#do('zcard', (store) => store.zcard(key));
  }

  xadd(key: string, fields: Readonly<Record<string, Bytes>>, options?: { maxLength?: number }): Promise<string> {
    return this.#do('xadd', (store) => store.xadd(key, fields, options?.maxLength));
  }

  xrange(key: string, range: { readonly after?: string; readonly count: number }): Promise<StreamEntry[]> {
    return this.#do('xrange', (store) => store.xrange(key, range));
  }

  scan(page: ScanPage): Promise<ScanReply> {
    return this.#do('scan', (store) => store.scan(page));
  }

  dbsize(): Promise<number> {
    return this.#do('dbsize', (store) => store.keyCount);
  }

  time(): Promise<number> {
    return this.#do('time', (store) => store.now());
  }

  info(): Promise<Readonly<Record<string, string>>> {
    return this.#do('info', (store) => ({
      redis_mode: 'memory',
      used_memory: String(store.bytes),
      maxmemory: String(store.maxBytes),
      uptime_in_seconds: String(Math.floor((Date.now() - this.#startedAt) / 1000)),
      db0: `keys=${store.keyCount}`,
    }));
  }

  publish(channel: string, message: Bytes): Promise<number> {
    return this.#do('publish', () => {
      const listeners = [...(this.#channels.get(channel) ?? [])];
      const bytes = Buffer.from(message as Uint8Array);
      // Delivered later, as from another process: a listener must not run inside the call of the publisher.
      for (const listener of listeners) queueMicrotask(() => listener(bytes));
      return listeners.length;
    });
  }

  subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe> {
    return this.#do('subscribe', () => {
      const listeners = this.#channels.get(channel) ?? new Set();
      this.#channels.set(channel, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) this.#channels.delete(channel);
      };
    });
  }

  run<Reply extends ScriptReply>(
    script: Script<Reply>,
    keys: readonly string[],
    args: readonly Bytes[],
  ): Promise<Reply> {
    return this.#do(`script:${script.name}`, (store) => runTwin(store, script, keys, args));
  }

  batch(operations: readonly BatchOperation[]): Promise<BatchResult[]> {
    return this.#do('batch', (store) =>
      operations.map((operation): BatchResult => {
        try {
          return { ok: true, value: apply(store, operation) };
        } catch (error) {
          return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
        }
      }),
    );
  }

  /** Never calls back: nothing but this process can change what it holds. */
  onInvalidate(): Unsubscribe {
    return () => undefined;
  }

  now(): number {
    return this.#store.now();
  }

  /** Never calls back: it is available until it is closed. */
  onAvailability(): Unsubscribe {
    return () => undefined;
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#store.close();
    this.#channels.clear();
    return Promise.resolve();
  }

  // `async` turns what the store throws into a rejection.
  async #do<Reply>(command: string, work: (store: MemoryStore) => Reply): Promise<Reply> {
    if (this.#closed) throw new UnavailableError('The memory engine is closed.');
    let outcome: 'ok' | 'error' = 'error';
    const startedAt = performance.now();
    try {
      const reply = work(this.#store);
      outcome = 'ok';
      return reply;
    } finally {
      publishEvent('holdfast:redis:command', () => ({
        engine: this.kind,
        connection: this.#name,
        command,
        commands: 1,
        durationMs: performance.now() - startedAt,
        outcome,
      }));
    }
  }
}

function apply(store: MemoryStore, operation: BatchOperation): BatchReply {
  switch (operation.op) {
    case 'get':
      return copy(store.get(operation.key));
    case 'mget':
      return operation.keys.map((key) => copy(store.getLenient(key)));
    case 'set':
      if (operation.nx === true && store.exists(operation.key)) return false;
      store.set(operation.key, operation.value, operation.pxMs);
      return true;
    case 'del':
      return count(operation.keys, (key) => store.del(key));
    case 'pexpire':
      return store.pexpire(operation.key, operation.ttlMs);
    case 'pttl':
      return store.pttl(operation.key);
    case 'hset':
      return count(Object.entries(operation.fields), ([field, value]) => store.hset(operation.key, field, value));
    case 'hincrby':
      return store.hincrby(operation.key, operation.field, operation.by);
    case 'zadd':
      return count(operation.members, ({ member, score }) => store.zadd(operation.key, member, score));
    case 'zrem':
      return count(operation.members, (member) => store.zrem(operation.key, member));
    case 'run':
      return runTwin(store, operation.script, operation.keys, operation.args);
  }
}

function runTwin<Reply extends ScriptReply>(
  store: MemoryStore,
  script: Script<Reply>,
  keys: readonly string[],
  args: readonly Bytes[],
): Reply {
  return script.twin(
    store,
    keys,
    args.map((argument) => Buffer.from(argument as Uint8Array)),
  );
}

function count<Item>(items: readonly Item[], test: (item: Item) => boolean): number {
  let counted = 0;
  for (const item of items) if (test(item)) counted += 1;
  return counted;
}

/** Callers own what they get: writing into it must not change what is stored. */
function copy(value: Buffer | null): Buffer | null {
  return value === null ? null : Buffer.from(value);
}
