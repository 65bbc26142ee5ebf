import type { RedisEngine } from '@holdfast/redis-core';
import type { Entry } from './entry.ts';
import { BITS_A_BUCKET } from './tags-buckets.ts';
import { cacheTagsCheck } from './tags-check-script.ts';
import type { Checked, TagVerdict } from './tags-noted.ts';
import { base36 } from './twin-entries.ts';

interface Waiting {
  readonly entry: Entry;
  readonly settle: PromiseWithResolvers<Checked>;
}

/** Tags that one command looks for: each may take a look into all buckets. */
const TAGS_A_COMMAND = 150;
const verdicts: readonly TagVerdict[] = ['valid', 'expired', 'invalid'];

/** Asks Redis about the tags of entries, those that are asked for together in one command. */
export class TagChecks {
  readonly #engine: RedisEngine;
  /** The key of the tags, and those of their buckets. */
  readonly #keys: () => readonly string[];
  #waiting: Waiting[] = [];

  constructor(engine: RedisEngine, keys: () => readonly string[]) {
    this.#engine = engine;
    this.#keys = keys;
  }

  ask(entry: Entry): Promise<Checked> {
    const settle = Promise.withResolvers<Checked>();
    this.#waiting.push({ entry, settle });
    if (this.#waiting.length === 1) queueMicrotask(() => this.#send());
    return settle.promise;
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    let batch: Waiting[] = [];
    let tags = 0;
    for (const one of waiting) {
      if (batch.length > 0 && tags + one.entry.tags.length > TAGS_A_COMMAND) {
        void this.#ask(batch);
        batch = [];
        tags = 0;
      }
      batch.push(one);
      tags += one.entry.tags.length;
    }
    void this.#ask(batch);
  }

  /** Never rejects: who waits is told. */
  async #ask(batch: readonly Waiting[]): Promise<void> {
    const args = batch.flatMap(({ entry: { stamp, tags } }) => {
      const text = stamp === null ? '' : stamp.epoch + base36(stamp.seq, 8);
      return [text, String(tags.length), ...tags];
    });
    try {
      const reply = await this.#engine.run(cacheTagsCheck, this.#keys(), [String(BITS_A_BUCKET), ...args]);
      const [, seq = 0, ...found] = reply ?? [];
      for (const [index, { settle }] of batch.entries()) {
        settle.resolve({ seq, verdict: verdicts[found[index] ?? 2] ?? 'invalid' });
      }
    } catch (error) {
      for (const { settle } of batch) settle.reject(error);
    }
  }
}
