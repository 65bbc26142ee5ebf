import { isDeepStrictEqual } from 'node:util';
import { loadOf, type RedisEngine, type RedisLoad, type RedisTarget } from '@holdfast/redis-core';
import { BoundedLabel, type Gauge, type Instruments, onceEvery } from '@holdfast/telemetry';

type Connection = 'cache' | 'durable';

export interface ServerLoadOptions {
  readonly engines: Readonly<Record<Connection, RedisEngine>>;
  readonly targets: Readonly<Record<Connection, RedisTarget>>;
  /** How often a server is asked at most, however often somebody scrapes. Default one minute. */
  readonly everyMs?: number;
}

type OfConnection = { readonly connection: string };

/**
 * Has scrapes show how full each Redis is, in bytes and in clients: by INFO, once an interval, one command for each server. A
 * connection to no server (the memory engine) has none of it.
 */
export function measureServerLoad(
  { engines, targets, everyMs = 60_000 }: ServerLoadOptions,
  instruments: Pick<Instruments, 'gauge' | 'onScrape'>,
): void {
  const connection = new BoundedLabel(20);
  const gauge = (name: string, help: string): Gauge<OfConnection> =>
    instruments.gauge({ name, help, labels: { connection }, isReadAtScrape: true });
  const used = gauge('holdfast_redis_memory_used_bytes', 'What the data of the Redis behind the connection takes.');
  const max = gauge('holdfast_redis_memory_max_bytes', 'What it may take, where that is limited.');
  const fullness = instruments.gauge({
    name: 'holdfast_redis_memory_used_ratio',
    help: 'The first of these as a part of the second; of a cluster that of its fullest master.',
    labels: { connection, policy: new BoundedLabel(20) },
    isReadAtScrape: true,
  });
  const clients = gauge(
    'holdfast_redis_connected_clients',
    'Connections to the Redis behind the connection, of all programs.',
  );
  const maxClients = gauge('holdfast_redis_max_clients', 'How many it accepts.');
  const slotsAway = gauge('holdfast_redis_slots_away', 'Slots of a cluster that have no master that can be used.');

  const show = (name: Connection, load: RedisLoad): void => {
    const labels = { connection: name };
    if (load.memoryUsed !== null) used.set(load.memoryUsed, labels);
    if (load.memoryMax !== null) max.set(load.memoryMax, labels);
    if (load.memoryFullness !== null)
      fullness.set(load.memoryFullness, { ...labels, policy: load.policy ?? 'unknown' });
    if (load.clients !== null) clients.set(load.clients, labels);
    if (load.maxClients !== null) maxClients.set(load.maxClients, labels);
  };
  const loadEvery = (name: Connection): (() => Promise<RedisLoad>) =>
    onceEvery(everyMs, async () => loadOf(await engines[name].info()));

  const cache = loadEvery('cache');
  // One server is asked once for both of its connections.
  const durable = isDeepStrictEqual(targets.cache, targets.durable) ? cache : loadEvery('durable');
  for (const [name, load] of [
    ['cache', cache],
    ['durable', durable],
  ] as const) {
    const engine = engines[name];
    if (engine.kind === 'memory') continue;
    instruments.onScrape(async () => show(name, await load()));
    instruments.onScrape(() => {
      const away = engine.slotsAway?.();
      if (away !== undefined) slotsAway.set(away.length, { connection: name });
    });
  }
}
