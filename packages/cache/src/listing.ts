import type { CacheCore } from './cache-core.ts';
import type { Presence } from './presence.ts';

export interface KeyListPage {
  readonly cursor?: string;
  /** About how many keys a page looks at. Default 100. */
  readonly limit?: number;
  readonly prefix?: string;
}

export interface KeyListReply {
  readonly keys: string[];
  readonly cursor: string | null;
}

/** Before the cursors of a scan over the index; alone, where one over all keys begins. Those go on otherwise. */
const INDEX = '_';

/**
 * One page of the keys of a namespace that a read would find, or that hold no entry: from its index where that knows every entry, else from all keys of
 * the Redis. One command for the page, one for what is there of it, and one or two more at the beginning and the end
 * that ask whether the index is complete.
 */
export async function listKeys(core: CacheCore, presence: Presence, page: KeyListPage): Promise<KeyListReply> {
  const { keys, cursor } = await candidates(core, page);
  return { keys: await presence.listed(keys), cursor };
}

async function candidates(core: CacheCore, { cursor, limit = 100, prefix }: KeyListPage): Promise<KeyListReply> {
  const start = core.prefix(prefix);
  const { usage, namespace } = core;
  const index =
    cursor === undefined
      ? await usage?.completeIndex(namespace)
      : cursor.startsWith(INDEX) && cursor !== INDEX
        ? usage?.index(namespace)
        : undefined;
  if (index === undefined) {
    const reply = await core.engine.scan({
      prefix: start,
      type: 'string',
      count: limit,
      ...(cursor === undefined || cursor === INDEX ? {} : { cursor }),
    });
    return { keys: reply.keys.map((complete) => core.keyOf(complete)), cursor: reply.cursor };
  }
  const reply = await index.page({
    count: limit,
    ...(prefix === undefined ? {} : { prefix }),
    ...(cursor === undefined ? {} : { cursor: cursor.slice(INDEX.length) }),
  });
  const keys = reply.members.map(({ member }) => member);
  if (reply.cursor !== null) return { keys, cursor: INDEX + reply.cursor };
  // One that was removed meanwhile ends early: then all keys are looked at.
  return { keys, cursor: (await usage?.completeIndex(namespace)) === undefined ? INDEX : null };
}
