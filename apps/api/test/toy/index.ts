import { definePart, groups, integer, section, withDefault, type SettingsOf } from '@holdfast/config/part';
import { queuesPart, type Module, type NoNeeds } from '@holdfast/modules';
import { defineQueue } from '@holdfast/queue';
import type { RedisEngine } from '@holdfast/redis-core';
import { encodeKeyPart } from '@holdfast/redis-core';
import { Type } from 'typebox';

/** Says how often each toy was turned: with everything that a module can have, and in no file but those of this folder. */

export const toyConfig = definePart({
  name: 'toys',
  needs: { queues: queuesPart },
  variables: { TOY_STEP: withDefault(groups.jobs, integer(1, 10), '1', 'By how much a turn counts.') },
  file: { toys: section({ greeting: Type.Optional(Type.String()) }, 'Toys.') },
  draft: ({ needs }) => needs.queues.inCode.add(toyTurns),
  read: ({ values, file }) => ({ step: values.TOY_STEP, greeting: file.toys?.greeting ?? 'hello' }),
});

export type ToySettings = SettingsOf<typeof toyConfig>;

export class Toys {
  readonly #engine: RedisEngine;
  readonly #root: string;
  turns = 0;
  isClosed = false;

  constructor(engine: RedisEngine, prefix: string) {
    this.#engine = engine;
    this.#root = `${prefix}:toy:`;
  }

  /** The key of one toy, in the key area of the module. */
  keyOf(name: string): string {
    return this.#root + encodeKeyPart(name);
  }

  async turn(name: string, step: number): Promise<number> {
    this.turns += 1;
    return this.#engine.hincrby(this.keyOf(name), 'turns', step);
  }

  async turnsOf(name: string): Promise<number> {
    const [turns] = await this.#engine.hget(this.keyOf(name), ['turns']);
    return Number(turns?.toString() ?? 0);
  }
}

export const toyTurns = defineQueue({
  name: 'toy-turns',
  description: 'Turns a toy.',
  payload: Type.Object({ toy: Type.String() }, { additionalProperties: false }),
  attempts: 1,
  timeoutMs: 10_000,
  retention: { completed: { count: 10 }, failed: { count: 10 } },
  concurrency: 1,
});

export const toyModule: Module<'toys', ToySettings, NoNeeds, Toys> = {
  name: 'toys',
  needs: {},
  config: toyConfig,
  create: ({ engines, keys }) => new Toys(engines.durable, keys.prefix),
  routes: async () => import('./routes.ts'),
  handlers: async () => import('./handlers.ts'),
  metrics(instruments) {
    const turns = instruments.gauge({ name: 'holdfast_toy_turns', help: 'Turns in this process.' });
    return { read: (toys) => void instruments.onScrape(() => turns.set(toys.turns)) };
  },
  health: ({ turns }) => ({ isHealthy: true, fields: { toys: { turns } } }),
  close(toys) {
    toys.isClosed = true;
  },
};
