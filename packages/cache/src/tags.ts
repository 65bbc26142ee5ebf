import type { RedisEngine } from '@holdfast/redis-core';
import type { Entry, TagStamp } from './entry.ts';
import { TagChecks } from './tags-checks.ts';
import { type Checked, MAX_READ, NotedTags, type TagVerdict } from './tags-noted.ts';

export interface TagsOptions {
  readonly engine: RedisEngine;
  /** The key of the tags. */
  readonly key: string;
  /** That, and those of their buckets. */
  readonly keys: () => readonly string[];
  /** Until when, by this machine's monotonic clock, what was asked for in that epoch of the tracking is current; 0: not at all. */
  readonly keptUntil: (epoch: number) => number;
}

/** What is known while Redis is asked. */
interface Reading {
  /** Of the tracking, at the time of the request. */
  readonly epoch: number;
  /** More was noted since the request: its reply is of yesterday. */
  isDirty: boolean;
  readonly reply: Promise<NotedTags | null>;
}

/**
 * What this process knows of the tags of one namespace. It keeps what was noted, and asks for what was noted since: one
 * command, whoever and how many wait for it. An entry that is older than what it knows is asked for by itself, once.
 */
export class Tags {
  readonly #options: TagsOptions;
  readonly #checks: TagChecks;
  readonly #checked = new WeakMap<Entry, Checked>();
  /** The memory engine is in this process: to ask it costs less than to know. */
  readonly #asksEachTime: boolean;
  /** `null`: there is no state; `undefined`: it is not known. */
  #noted: NotedTags | null | undefined;
  #currentUntil = 0;
  #reading: Reading | undefined;

  constructor(options: TagsOptions) {
    this.#options = options;
    this.#checks = new TagChecks(options.engine, options.keys);
    this.#asksEachTime = options.engine.kind === 'memory';
  }

  /** Keys that are not asked for, as what is known of them is current until Redis reports a change. */
  get held(): readonly string[] {
    return this.#currentUntil === Infinity ? this.#options.keys() : [];
  }

  /** What the tags went through until now, as far as that is known; `null`: nothing, `undefined`: Redis has to be asked. */
  get stamp(): TagStamp | null | undefined {
    return this.#isCurrent ? (this.#noted?.stamp ?? null) : undefined;
  }

  /** The same, asked for where it is not known. At most one command, and a second one where all began anew. */
  async read(): Promise<TagStamp | null> {
    return this.#isCurrent ? (this.#noted?.stamp ?? null) : ((await this.#ask())?.stamp ?? null);
  }

  /** `undefined`: Redis has to be asked. Never waits. */
  verdictOf(entry: Entry): TagVerdict | undefined {
    const { stamp } = entry;
    if (stamp === null) return 'valid';
    return this.#covers(entry) ? this.#noted?.verdictOf(entry, this.#checked.get(entry)) : undefined;
  }

  /** The same, asked for where it is not known. */
  async askVerdictOf(entry: Entry): Promise<TagVerdict> {
    if (this.#asksEachTime) return (await this.#checks.ask(entry)).verdict;
    let noted = this.#covers(entry) ? this.#noted : await this.#ask();
    // One that was under way may be of before the entry.
    if (noted !== null && !this.#covers(entry)) noted = await this.#ask();
    if (noted === null || noted === undefined) return 'invalid';
    const known = noted.verdictOf(entry, this.#checked.get(entry));
    if (known !== undefined) return known;
    const checked = await this.#checks.ask(entry);
    this.#checked.set(entry, checked);
    return checked.verdict;
  }

  /** More was noted, or may have been: what is on its way is of yesterday. */
  changed(): void {
    this.#currentUntil = 0;
    if (this.#reading === undefined) return;
    this.#reading.isDirty = true;
    this.#reading = undefined;
  }

  get #isCurrent(): boolean {
    return this.#currentUntil === Infinity || performance.now() < this.#currentUntil;
  }

  /** Whether what is known is current; an entry that has seen more than that tells that it is not. */
  #covers({ stamp }: Entry): boolean {
    const known = this.#noted?.stamp;
    return known !== undefined && this.#isCurrent && known.epoch === stamp?.epoch && known.seq >= stamp.seq;
  }

  #ask(): Promise<NotedTags | null> {
    const epoch = this.#options.engine.trackingEpoch;
    // One that was sent before tracking was armed is not reported to those who count on it.
    if (this.#reading?.epoch === epoch) return this.#reading.reply;
    const reply = this.#read().then(
      (noted) => {
        if (!reading.isDirty || !this.#knowsMoreThan(noted)) this.#noted = noted;
        if (!reading.isDirty) this.#currentUntil = this.#options.keptUntil(epoch);
        if (this.#reading === reading) this.#reading = undefined;
        return noted;
      },
      (error: unknown) => {
        if (this.#reading === reading) this.#reading = undefined;
        throw error;
      },
    );
    const reading: Reading = { epoch, isDirty: false, reply };
    this.#reading = reading;
    return reply;
  }

  /** Whether a reply was overtaken by that to a later request. */
  #knowsMoreThan(noted: NotedTags | null): boolean {
    const known = this.#noted?.stamp;
    return known !== undefined && known.epoch === noted?.stamp.epoch && known.seq > noted.stamp.seq;
  }

  /** What was noted since what is known; from the newest on where nothing is, or where it began anew. */
  async #read(): Promise<NotedTags | null> {
    const { engine, key } = this.#options;
    const newest = (since: number): ReturnType<RedisEngine['zrange']> => {
      const range = { by: 'score', min: since, max: Infinity, limit: MAX_READ + 1, reverse: true } as const;
      return engine.zrange(key, range);
    };
    const known = this.#noted;
    if (known !== null && known !== undefined && known.add(await newest(known.stamp.seq))) return known;
    return NotedTags.of(await newest(0)) ?? null;
  }
}
