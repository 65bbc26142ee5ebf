import type { FaultKind, RedisChannels, RedisCommandEvent, RedisNodeEvent } from '@holdfast/redis-core';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import { BoundedLabel, commandLabel, other } from './labels.ts';
import type { Subscriptions } from './subscriptions.ts';

/** As `isAccessRefused` of redis-core has it, of which this package knows the types only. */
const refusals: ReadonlySet<FaultKind> = new Set(['password-wanted', 'password-refused', 'forbidden']);

export class RedisMetrics {
  readonly #commands: Counter<'connection' | 'command' | 'outcome'>;
  readonly #duration: Histogram<'connection' | 'command'>;
  readonly #up: Gauge<'connection'>;
  readonly #refused: Gauge<'connection'>;
  readonly #breaker: Gauge<'connection' | 'state'>;
  readonly #tracking: Gauge<'connection'>;
  readonly #saved: Counter<'connection'>;
  readonly #masters: Gauge<'connection' | 'node'>;
  readonly #connections = new BoundedLabel(20);
  readonly #nodes = new BoundedLabel(1000);
  readonly #scripts = new BoundedLabel(100);

  constructor(registry: Registry, subscriptions: Subscriptions<RedisChannels>) {
    const registers = [registry];
    this.#commands = new Counter({
      name: 'holdfast_redis_commands_total',
      help: 'Client commands that were sent to Redis, or could not be.',
      labelNames: ['connection', 'command', 'outcome'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'holdfast_redis_command_duration_seconds',
      help: 'Time from a call to its reply or failure, retries included.',
      labelNames: ['connection', 'command'],
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.#up = new Gauge({
      name: 'holdfast_redis_up',
      help: '1 while the Redis behind the connection answers, 0 while it does not.',
      labelNames: ['connection'],
      registers,
    });
    this.#refused = new Gauge({
      name: 'holdfast_redis_access_refused',
      help: '1 while the Redis behind the connection refuses the password or the user, 0 while it does not.',
      labelNames: ['connection'],
      registers,
    });
    this.#saved = new Counter({
      name: 'holdfast_redis_commands_saved_total',
      help: 'Commands that pipelines did not send, against one for each operation.',
      labelNames: ['connection'],
      registers,
    });
    subscriptions.on('holdfast:redis:pipeline', ({ connection, saved }) =>
      this.#saved.inc({ connection: this.#connections.of(connection) }, saved),
    );
    this.#breaker = new Gauge({
      name: 'holdfast_redis_breaker_state',
      help: '1 for the state that the circuit breaker of the connection is in, 0 for the others.',
      labelNames: ['connection', 'state'],
      registers,
    });
    this.#tracking = new Gauge({
      name: 'holdfast_redis_tracking',
      help: '1 while Redis reports which keys changed, so that reads may be kept in the process, 0 while it does not.',
      labelNames: ['connection'],
      registers,
    });
    this.#masters = new Gauge({
      name: 'holdfast_redis_master_up',
      help: '0 while this master of a cluster cannot be used and the others go on, 1 since it is back.',
      labelNames: ['connection', 'node'],
      registers,
    });
    subscriptions.on('holdfast:redis:node', (event) => this.#master(event));
    subscriptions.on('holdfast:redis:breaker', ({ connection, state }) => {
      for (const each of ['closed', 'half-open', 'open'] as const) {
        this.#breaker.set({ connection: this.#connections.of(connection), state: each }, each === state ? 1 : 0);
      }
    });
    subscriptions.on('holdfast:redis:tracking', ({ connection, armed }) => {
      this.#tracking.set({ connection: this.#connections.of(connection) }, armed ? 1 : 0);
    });
    subscriptions.on('holdfast:redis:command', (event) => this.#command(event));
    subscriptions.on('holdfast:redis:availability', ({ connection, available, fault }) =>
      this.up(connection, available, fault),
    );
  }

  up(connection: string, available: boolean, fault?: FaultKind): void {
    const labels = { connection: this.#connections.of(connection) };
    this.#up.set(labels, available ? 1 : 0);
    this.#refused.set(labels, fault !== undefined && refusals.has(fault) ? 1 : 0);
  }

  #master({ connection, node, available, hasLeft }: RedisNodeEvent): void {
    const labels = { connection: this.#connections.of(connection), node: this.#nodes.of(node) };
    // Several masters under one label would show that of the last event.
    if (labels.node === other) return;
    if (hasLeft === true) this.#masters.remove(labels);
    else this.#masters.set(labels, available ? 1 : 0);
  }

  #command({ connection, command, commands, durationMs, outcome }: RedisCommandEvent): void {
    const labels = { connection: this.#connections.of(connection), command: commandLabel(command, this.#scripts) };
    this.#commands.inc({ ...labels, outcome }, commands);
    this.#duration.observe(labels, durationMs / 1000);
  }
}
