import type { CacheCore } from './cache-core.ts';
import { pagesOf } from './pages.ts';
import { cacheSizes, type SizesReply } from './sizes-script.ts';
import { whereItIs } from './where-it-is.ts';

/** Keys of which one command asks for the sizes. */
const SIZES_A_COMMAND = 500;

/**
 * How many bytes a read of each key would bring into this process, or has there, heads included: one command per 500 that are not
 * in L1. No use of the entries, and not counted. What is written meanwhile may be larger.
 */
export async function storedSizes(core: CacheCore, keys: readonly string[]): Promise<readonly number[]> {
  if (core.isOff) return keys.map(() => 0);
  const wanted = keys.map((key) => ({ complete: core.complete(key) }));
  return whereItIs(
    core.fallback,
    wanted,
    (asked) =>
      ask(
        core,
        asked.map(({ complete }) => complete),
      ),
    (away): (number | Error)[] => away.map(({ complete }) => core.fallback?.get(complete)?.storedBytes ?? 0),
  ).then((sizes) =>
    sizes.map((one) => {
      if (one instanceof Error) throw one;
      return one;
    }),
  );
}

async function ask(core: CacheCore, complete: readonly string[]): Promise<(number | Error)[]> {
  const sizes = new Map<string, number | Error>();
  const unknown: string[] = [];
  for (const key of complete) {
    const kept = core.l1.get(key);
    if (kept === undefined) unknown.push(key);
    else sizes.set(key, kept.entry.storedBytes);
  }
  for (const page of pagesOf(unknown, SIZES_A_COMMAND)) {
    for (const [index, size] of (await askRedis(core, page)).entries()) sizes.set(page[index] ?? '', size);
  }
  return complete.map((key) => sizes.get(key) ?? 0);
}

/** On a cluster each key lies in a slot of its own. */
async function askRedis({ engine }: CacheCore, keys: readonly string[]): Promise<readonly (number | Error)[]> {
  if (engine.slotOf === undefined) return engine.run(cacheSizes, keys, []);
  const results = await engine.batch(keys.map((key) => ({ op: 'run', script: cacheSizes, keys: [key], args: [] })));
  return results.map((result) => (result.ok ? ((result.value as SizesReply)[0] ?? 0) : result.error));
}
