import { readFileSync } from 'node:fs';

/** The text of a script in `lua/`; resolves from `src` and from `dist` alike, so this file stays where it is. */
export function loadLua(name: string): string {
  return readFileSync(new URL(`../lua/${name}.lua`, import.meta.url), 'utf8');
}
