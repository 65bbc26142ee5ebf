import { randomUUID } from 'node:crypto';
import type { RedisEngine } from '@holdfast/redis-core';

export interface CacheEpochOptions {
  readonly engine: RedisEngine;
  /** Where the epoch is kept. */
  readonly key: string;
  readonly onLoss: () => void;
  readonly intervalMs: number;
}

/** While it is not known what is there, no loss can be noticed. */
const unknownEveryMs = 1000;

/**
 * Notices that the cache was emptied while its connections stayed (FLUSHALL): the epoch, which never expires, is another one
 * then. One command an interval. Where it was evicted this tells of a loss that was none.
 */
export class CacheEpoch {
  readonly #options: CacheEpochOptions;
  #known: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: CacheEpochOptions) {
    this.#options = options;
  }

  start(): void {
    this.#schedule(0);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Looks now. @returns whether it could be asked */
  async look(): Promise<boolean> {
    let epoch: string;
    try {
      epoch = await this.#ask();
    } catch {
      return false;
    }
    const isLost = this.#known !== undefined && this.#known !== epoch;
    this.#known = epoch;
    if (isLost && !this.#isStopped) this.#options.onLoss();
    return true;
  }

  async #ask(): Promise<string> {
    const { engine, key } = this.#options;
    const found = await engine.get(key);
    if (found !== null) return found.toString();
    const epoch = randomUUID();
    const { stored } = await engine.set(key, epoch, { nx: true });
    return stored ? epoch : ((await engine.get(key))?.toString() ?? epoch);
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.#lookAndSchedule(), delayMs);
    this.#timer.unref();
  }

  async #lookAndSchedule(): Promise<void> {
    const wasAsked = await this.look();
    if (!this.#isStopped) this.#schedule(wasAsked ? this.#options.intervalMs : unknownEveryMs);
  }
}
