import { anything, checkOptions, list, milliseconds, type OptionRules } from '@holdfast/redis-core';
import { randomUUID } from 'node:crypto';
import type { QueueBackend } from '../port/backend.ts';
import { maxChangedAtOnce } from '../port/job-changes.ts';
import { publishEvent } from '../job/channels.ts';
import type { QueueDefinition, RetentionRule } from '../job/define-queue.ts';

export interface RetentionSweeperOptions {
  readonly backend: QueueBackend;
  /** Of the queues to sweep; those that keep everything cost nothing. */
  readonly definitions: readonly QueueDefinition[];
  /** Default 60 000: so much later than its time a job may go. */
  readonly intervalMs?: number;
}

const rules: OptionRules<RetentionSweeperOptions> = {
  backend: anything,
  definitions: list,
  intervalMs: milliseconds(1),
};

/** How many batches of one queue follow each other, so that a large backlog does not keep the others waiting for ever. */
const maxBatches = 200;

/**
 * Removes finished jobs at their time also where no further job ends, which is when BullMQ looks. It asks each queue once
 * per interval, one command each while there is nothing to do; of many sweepers one does the work.
 */
export class RetentionSweeper {
  readonly #backend: QueueBackend;
  readonly #definitions: readonly QueueDefinition[];
  readonly #intervalMs: number;
  readonly #sweeper: string = randomUUID();
  #timer: NodeJS.Timeout | undefined;
  #sweep: Promise<void> | undefined;
  #closed = false;

  /** @throws OptionInvalidError naming the option that is not allowed */
  constructor(options: RetentionSweeperOptions) {
    checkOptions('RetentionSweeper', options, rules);
    const { backend, definitions, intervalMs = 60_000 } = options;
    this.#backend = backend;
    this.#definitions = definitions.filter(({ retention }) => isRule(retention.completed) || isRule(retention.failed));
    this.#intervalMs = intervalMs;
  }

  /** The first sweep follows within one interval, at random, so that processes that start together do not ask together. */
  start(): void {
    if (this.#timer !== undefined || this.#closed || this.#definitions.length === 0) return;
    this.#schedule(Math.random() * this.#intervalMs);
  }

  /** Ends what is under way after the command that it is at. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#sweep;
  }

  /** Sweeps all queues now. What one queue cannot do is published, and keeps no other from it. */
  async sweep(): Promise<number> {
    let removed = 0;
    for (const definition of this.#definitions) {
      try {
        removed += await this.#sweepQueue(definition);
      } catch (error) {
        const reason = error instanceof Error ? error : new Error(String(error));
        publishEvent('holdfast:queue:error', () => ({ queue: definition.name, part: 'consumer', error: reason }));
      }
    }
    return removed;
  }

  async #sweepQueue({ name, retention }: QueueDefinition): Promise<number> {
    const store = this.#backend.open(name).changes;
    // Shorter than the interval, so that this sweeper, or another one, does not find its own lease at the next one.
    const leaseMs = Math.ceil(this.#intervalMs * 0.9);
    let removed = 0;
    for (let batch = 0; batch < maxBatches && !this.#closed; batch += 1) {
      const answer = await store.sweep({ sweeper: this.#sweeper, leaseMs, limit: maxChangedAtOnce, retention });
      removed += answer.removed;
      if (!answer.more) break;
    }
    return removed;
  }

  async #sweepAndSchedule(): Promise<void> {
    await this.sweep();
    if (!this.#closed) this.#schedule(this.#intervalMs);
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#sweep = this.#sweepAndSchedule();
    }, delayMs);
    this.#timer.unref();
  }
}

function isRule({ count, ageMs }: RetentionRule): boolean {
  return count !== undefined || ageMs !== undefined;
}
