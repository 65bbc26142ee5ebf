import type { RedisEngine } from '@holdfast/redis-core';
import type { Instruments, Logger } from '@holdfast/telemetry';
import { decodeNote, encodeNote, isAbandoned, silentAfterMs, type FolderNote } from './folder-note.ts';

/** What a process says of its own folder. */
export interface OwnFolder extends Pick<FolderNote, 'id' | 'host' | 'path' | 'volume' | 'waiting'> {
  /** Whether nothing is left in it, as far as this process knows. */
  readonly isEmpty: boolean;
}

export interface NotedFoldersOptions {
  /** The durable one. */
  readonly engine: RedisEngine;
  /** Of the hash. */
  readonly key: string;
  /** `undefined` as long as the folder cannot be used: it is not known which one it is, or another process has it. */
  readonly own: () => OwnFolder | undefined;
  /** How often it says that it lives. Default a third of `silentMs`. */
  readonly everyMs?: number;
  /** A process that has said nothing for so long is gone. Default three minutes. */
  readonly silentMs?: number;
}

/** Notes of processes that are gone, of which there may be more than somebody looks after: the oldest go. */
const MAX_ABANDONED = 1000;
/** What a process that ends waits for. */
const LAST_WORD_MS = 1000;

/**
 * Tells the durable Redis which folder this process keeps jobs and invalidations in, for as long as it lives, and knows of
 * those whose process is gone: what lies in them waits for somebody. A process that ends with an empty folder takes its
 * note back. One that is killed cannot, so its note says that there may be something, and not that there is.
 */
export class NotedFolders {
  readonly #options: Required<NotedFoldersOptions>;
  readonly #told = new Set<string>();
  #abandoned: readonly FolderNote[] | undefined;
  #wellSince = Infinity;
  /** When it was noted for the first time. */
  #since: number | undefined;
  #stopListening = (): void => undefined;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #isClosed = false;
  #logger: Logger | undefined;

  constructor({ silentMs = silentAfterMs, everyMs = silentMs / 3, ...options }: NotedFoldersOptions) {
    this.#options = { ...options, everyMs, silentMs };
  }

  /**
   * Those whose process is gone; `undefined` as long as that is not known: Redis is away, or has been back for less than
   * it takes all others to say that they live.
   */
  get abandoned(): readonly FolderNote[] | undefined {
    return this.#options.engine.status.available ? this.#abandoned : undefined;
  }

  /** Begins, in the background, and logs each folder that it finds abandoned once. */
  start(logger: Logger): void {
    const { engine } = this.#options;
    this.#logger = logger;
    this.#stopListening = engine.onAvailability((isAvailable) => this.#came(isAvailable));
    if (engine.status.available) this.#came(true);
  }

  measure(instruments: Pick<Instruments, 'gauge' | 'onScrape'>): void {
    const gauge = instruments.gauge({
      name: 'holdfast_folders_abandoned',
      help: 'Data folders whose process is gone and may have left something in them, as Redis was told.',
      isReadAtScrape: true,
    });
    instruments.onScrape(() => {
      if (this.abandoned !== undefined) gauge.set(this.abandoned.length);
    });
  }

  /** Says so now instead of when it is time: the folder can be used from now on. */
  look(): void {
    if (this.#isClosed || !this.#options.engine.status.available) return;
    this.#beating ??= this.#beat().finally(() => {
      this.#beating = undefined;
    });
  }

  /**
   * Takes the note back where the folder is empty, whoever has left it. To be called when nothing is put into it any more, and
   * before it is released.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#stopListening();
    await this.#beating;
    const own = this.#options.own();
    const { engine, key } = this.#options;
    if (own === undefined || !engine.status.available) return;
    const patience = { deadlineMs: LAST_WORD_MS };
    try {
      if (own.isEmpty) await engine.hdel(key, [own.id], patience);
      else if (this.#since !== undefined) await engine.hset(key, { [own.id]: encodeNote(this.#noteOf(own)) }, patience);
    } catch (error) {
      this.#logger?.warn({ folder: own.path, reason: messageOf(error) }, 'Redis still has the note of the data folder');
    }
  }

  #came(isAvailable: boolean): void {
    this.#abandoned = undefined;
    this.#wellSince = isAvailable ? performance.now() : Infinity;
    if (isAvailable) this.look();
  }

  async #beat(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await this.#say();
      await this.#read();
    } catch {
      // Away, full, or forbidden, which others tell. Nothing is known then.
      this.#abandoned = undefined;
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => this.look(), this.#options.everyMs).unref();
  }

  async #say(): Promise<void> {
    const own = this.#options.own();
    const { engine, key } = this.#options;
    if (own !== undefined) await engine.hset(key, { [own.id]: encodeNote(this.#noteOf(own)) });
  }

  async #read(): Promise<void> {
    const { engine, key, silentMs } = this.#options;
    const notes = await readNotes(engine, key);
    // Those who were cut off from the same Redis need their time to say that they live.
    if (performance.now() - this.#wellSince < silentMs) return;
    const now = engine.now();
    const own = this.#options.own()?.id;
    const silent = notes.filter((note) => note.id !== own && isAbandoned(note, now, silentMs));
    const gone = silent.filter(({ volume }) => volume.kind !== 'ephemeral');
    const lost = silent.filter(({ volume }) => volume.kind === 'ephemeral');
    this.#tell(gone);
    this.#abandoned = gone;
    const over = [...gone.slice(0, -MAX_ABANDONED), ...lost].map(({ id }) => id);
    if (over.length > 0) await engine.hdel(key, over);
    for (const note of lost) this.#tellLoss(note);
  }

  #noteOf({ isEmpty: _isEmpty, ...own }: OwnFolder): FolderNote {
    const now = this.#options.engine.now();
    this.#since ??= now;
    return { ...own, since: this.#since, aliveAt: now };
  }

  #tell(gone: readonly FolderNote[]): void {
    const ids = new Set(gone.map(({ id }) => id));
    for (const id of this.#told) if (!ids.has(id)) this.#told.delete(id);
    for (const note of gone) {
      if (this.#told.has(note.id)) continue;
      this.#told.add(note.id);
      this.#logger?.error(fieldsOf(note), 'a process is gone and has left its data folder: forward what is in it');
    }
  }

  /** Of a folder that went with its pod nobody can do anything, so its note does not stay. */
  #tellLoss(note: FolderNote): void {
    const level = note.waiting > 0 ? 'error' : 'warn';
    this.#logger?.[level](fieldsOf(note), 'a process is gone, and with it what was in its data folder');
  }
}

/** What is logged of a folder whose process is gone. */
function fieldsOf({ id, host, path, volume, waiting, aliveAt }: FolderNote): object {
  return { folder: id, host, path, volume, waiting, aliveAt: new Date(aliveAt).toISOString() };
}

/** All that stand in the hash, those that were alive longest ago first. */
export async function readNotes(engine: Pick<RedisEngine, 'hgetall'>, key: string): Promise<FolderNote[]> {
  const fields = await engine.hgetall(key);
  const notes = [...fields].map(([id, text]) => decodeNote(id, text.toString('utf8')));
  return notes.filter((note) => note !== undefined).toSorted((one, other) => one.aliveAt - other.aliveAt);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
