import type {
  EngineStatus,
  FaultKind,
  RedisBreakerEvent,
  RedisChannels,
  RedisCommandEvent,
  RedisNodeEvent,
} from '@holdfast/redis-core';
import type { Counter, Gauge, Histogram, Instruments } from './instruments.ts';
import { BoundedLabel, type LabelValues, other } from './labels.ts';

/** As `isAccessRefused` of redis-core has it, of which this package knows the types only. */
const refusals: ReadonlySet<FaultKind> = new Set(['password-wanted', 'password-refused', 'forbidden']);

const breakerStates = ['closed', 'half-open', 'open'] as const;
const outcomes = ['ok', 'error', 'unavailable', 'unknown'] as const;

/** What an engine says of its connection. */
export type KnownConnection = Pick<EngineStatus, 'available' | 'fault' | 'breaker'>;

interface OfConnection {
  readonly connection: string;
}

export class RedisMetrics {
  readonly #commands: Counter<OfConnection & Pick<RedisCommandEvent, 'command' | 'outcome'>>;
  readonly #duration: Histogram<OfConnection & Pick<RedisCommandEvent, 'command'>>;
  readonly #up: Gauge<OfConnection>;
  readonly #refused: Gauge<OfConnection>;
  readonly #masters: Gauge<OfConnection & Pick<RedisNodeEvent, 'node'>>;
  readonly #saved: Counter<OfConnection>;
  readonly #breaker: Gauge<OfConnection & Pick<RedisBreakerEvent, 'state'>>;
  /** Of each connection the commands whose outcomes are shown. */
  readonly #shown = new Map<string, Set<string>>();

  constructor(instruments: Instruments) {
    const connection = new BoundedLabel(20);
    const command = new CommandLabel();
    this.#commands = instruments.counter({
      name: 'holdfast_redis_commands_total',
      help: 'Client commands that were sent to Redis, or could not be.',
      labels: { connection, command, outcome: outcomes },
    });
    this.#duration = instruments.histogram({
      name: 'holdfast_redis_command_duration_seconds',
      help: 'Time from a call to its reply or failure, retries included.',
      labels: { connection, command },
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
    });
    this.#up = instruments.gauge({
      name: 'holdfast_redis_up',
      help: '1 while the Redis behind the connection answers, 0 while it does not.',
      labels: { connection },
    });
    this.#refused = instruments.gauge({
      name: 'holdfast_redis_access_refused',
      help: '1 while the Redis behind the connection refuses the password or the user, 0 while it does not.',
      labels: { connection },
    });
    this.#saved = instruments.counter({
      name: 'holdfast_redis_commands_saved_total',
      help: 'Commands that pipelines and bulk calls of caches did not send, against one for each operation.',
      labels: { connection },
    });
    this.#breaker = instruments.gauge({
      name: 'holdfast_redis_breaker_state',
      help: '1 for the state that the circuit breaker of the connection is in, 0 for the others.',
      labels: { connection, state: breakerStates },
    });
    const tracking = instruments.gauge({
      name: 'holdfast_redis_tracking',
      help: '1 while Redis reports which keys changed, so that reads may be kept in the process, 0 while it does not.',
      labels: { connection },
    });
    this.#masters = instruments.gauge({
      name: 'holdfast_redis_master_up',
      help: '0 while this master of a cluster cannot be used and the others go on, 1 since it is back.',
      labels: { connection, node: new BoundedLabel(1000) },
    });
    const channels = instruments.channels<RedisChannels>();
    channels.on('holdfast:redis:pipeline', (event) => this.#saved.add(event.saved, { connection: event.connection }));
    channels.on('holdfast:redis:breaker', (event) => this.#breakerIs(event));
    channels.on('holdfast:redis:tracking', (event) => {
      tracking.set(event.armed ? 1 : 0, { connection: event.connection });
    });
    channels.on('holdfast:redis:node', (event) => this.#master(event));
    channels.on('holdfast:redis:command', (event) => this.#command(event));
    channels.on('holdfast:redis:availability', ({ connection: name, available, fault }) => {
      this.#connectionIs(name, available, fault);
    });
  }

  /** A connection that there is, and how it is: what has not happened to it yet is shown as 0. */
  known(connection: string, { available, fault, breaker }: KnownConnection): void {
    this.#connectionIs(connection, available, fault);
    this.#breakerIs({ connection, state: breaker });
    this.#saved.startAtZero({ connection });
  }

  #connectionIs(connection: string, available: boolean, fault?: FaultKind): void {
    this.#up.set(available ? 1 : 0, { connection });
    this.#refused.set(fault !== undefined && refusals.has(fault) ? 1 : 0, { connection });
  }

  #master({ connection, node, available, hasLeft }: RedisNodeEvent): void {
    if (hasLeft === true) this.#masters.remove({ connection, node });
    else this.#masters.set(available ? 1 : 0, { connection, node });
  }

  #breakerIs({ connection, state: current }: RedisBreakerEvent): void {
    for (const state of breakerStates) this.#breaker.set(state === current ? 1 : 0, { connection, state });
  }

  #command({ connection, command, commands, durationMs, outcome }: RedisCommandEvent): void {
    if (this.#shown.get(connection)?.has(command) !== true) this.#showOutcomes(connection, command);
    this.#commands.add(commands, { connection, command, outcome });
    this.#duration.observe(durationMs / 1000, { connection, command });
  }

  /** At its first command, so that the first that fails is an increase. */
  #showOutcomes(connection: string, command: string): void {
    const shown = this.#shown.get(connection) ?? new Set();
    this.#commands.startAtZero({ connection, command });
    this.#shown.set(connection, shown.add(command));
  }
}

/** The commands that the engines send, and those around them. */
const commands: ReadonlySet<string> = new Set(
  (
    'get mget set mset del unlink touch exists type pexpire pttl expire ttl persist scan time info ping config dbsize eval evalsha ' +
    'hget hmget hgetall hset hincrby hdel hlen hscan zadd zrange zrevrange zrangebyscore zrangebylex zrem zcard zscore ' +
    'xadd xrange xread xlen xtrim publish subscribe unsubscribe client hello auth select incr incrby flushdb multi exec'
  ).split(' '),
);

/** A known command, `script:<name>` for a script (names of scripts come from code), otherwise `other`. */
class CommandLabel implements LabelValues {
  readonly #scripts = new BoundedLabel(100);

  of(command: string): string {
    if (commands.has(command)) return command;
    return /^script:[A-Za-z0-9:_-]{1,64}$/.test(command) ? this.#scripts.of(command) : other;
  }
}
