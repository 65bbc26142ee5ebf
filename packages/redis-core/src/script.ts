import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Script, ScriptReply } from './engine.ts';

/**
 * Declares a named script. The Lua text opens with a comment that says its KEYS, ARGV and reply; `twin` does the same
 * on a `TwinStore`, and the contract suite compares them.
 */
export function defineScript<Reply extends ScriptReply>(script: Script<Reply>): Script<Reply> {
  return Object.freeze(script);
}

/**
 * Reads `lua/<name>.lua` beside the package of the calling module, which must sit directly in `src/` (or `dist/`).
 * @param moduleUrl the caller's `import.meta.url`
 * @param shared names of files of local functions that the script uses, which are put before it
 */
export function loadLua(name: string, moduleUrl: string, shared: readonly string[] = []): string {
  return [...shared, name].map((one) => readFileSync(new URL(`../lua/${one}.lua`, moduleUrl), 'utf8')).join('');
}

const digests = new WeakMap<Script, string>();

/** The SHA-1 under which Redis knows a script. */
export function scriptDigest(script: Script): string {
  let digest = digests.get(script);
  if (digest === undefined) {
    digest = createHash('sha1').update(script.lua).digest('hex');
    digests.set(script, digest);
  }
  return digest;
}
