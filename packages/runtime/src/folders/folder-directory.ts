import type { BaseConfig } from '@holdfast/config';
import { createEngine, createKeys, type RedisEngine } from '@holdfast/redis-core';
import { isAbandoned, silentAfterMs, type FolderNote } from './folder-note.ts';
import { readNotes } from './noted-folders.ts';

/** A data folder as the durable Redis knows it. */
export interface NotedFolder extends FolderNote {
  /** Whether the process that noted it has been silent for so long that it is gone. */
  readonly isAbandoned: boolean;
}

/**
 * The data folders of all processes that have not ended with an empty one, those that were alive longest ago first.
 *
 * @throws UnavailableError when Redis is away
 */
export async function listFolders(config: Pick<BaseConfig, 'redis'>): Promise<NotedFolder[]> {
  return withNotes(config, async (engine, key) => {
    // Its own clock has not been compared with the one of Redis yet.
    const [notes, now] = await Promise.all([readNotes(engine, key), engine.time()]);
    return notes.map((note) => ({ ...note, isAbandoned: isAbandoned(note, now, silentAfterMs) }));
  });
}

/**
 * Takes the note of a folder back: it is gone for good, or nothing is left in it. Replies whether there was one.
 *
 * @throws UnavailableError when Redis is away
 */
export async function forgetFolder(config: Pick<BaseConfig, 'redis'>, id: string): Promise<boolean> {
  return withNotes(config, async (engine, key) => (await engine.hdel(key, [id])) === 1);
}

async function withNotes<Reply>(
  { redis }: Pick<BaseConfig, 'redis'>,
  work: (engine: RedisEngine, key: string) => Promise<Reply>,
): Promise<Reply> {
  const keys = createKeys(redis.keyPrefix);
  const engine = createEngine({ ...redis.durable, ownKey: keys.probe() });
  try {
    return await work(engine, keys.folders());
  } finally {
    await engine.close();
  }
}
