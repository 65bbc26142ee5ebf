import type { CallOptions, RedisEngine } from './engine.ts';
import { CommandError } from './errors.ts';
import { defineScript, loadLua } from './script.ts';

/** The name of the script, by which engines know it. */
export const WORK_PROOF = 'work-proof';

const workProof = defineScript<number>({
  name: WORK_PROOF,
  lua: loadLua('work-proof', import.meta.url),
  idempotent: true,
  twin: (store, [key = '']) => {
    store.get(key);
    store.del(key);
    return 1;
  },
});

/** Those before Redis 7 do not know a script that says what it does. */
const older = new WeakSet<RedisEngine>();

/**
 * Asks whether Redis does what calls ask of it, without leaving anything behind: one command, and two on a Redis before 7.
 * What it refuses is in the status of the engine then, too.
 * @param key that nobody uses
 * @throws what a call would be refused with now
 */
export async function proveWork(engine: RedisEngine, key: string, options?: CallOptions): Promise<void> {
  if (!older.has(engine)) {
    try {
      await engine.run(workProof, [key], [], options);
      return;
    } catch (error) {
      if (!(error instanceof CommandError) || !error.message.includes('compiling script')) throw error;
      older.add(engine);
    }
  }
  // A write that takes memory, and goes by itself.
  const results = await engine.batch(
    [
      { op: 'set', key, value: '', pxMs: 1 },
      { op: 'get', key },
    ],
    options,
  );
  for (const result of results) if (!result.ok) throw result.error;
}

/** As much of a client of ioredis as this needs. */
export interface ProvableClient {
  eval(lua: string, numberOfKeys: number, key: string): Promise<unknown>;
  set(key: string, value: string, unit: 'PX', ms: number): Promise<unknown>;
}

/** The same over a client, as it replies: for the queue, which has clients of its own. @throws what the client does */
export async function proveWorkOver(client: ProvableClient, key: string): Promise<void> {
  try {
    await client.eval(workProof.lua, 1, key);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes('compiling script')) throw error;
    await client.set(key, '', 'PX', 1);
  }
}
