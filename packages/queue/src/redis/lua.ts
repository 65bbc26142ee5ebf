import { readFileSync } from 'node:fs';

/**
 * The text of a script in `lua/`; resolves from `src` and from `dist` alike, so this file stays where it is.
 * @param shared names of files of local functions that it uses, which are put before it
 */
export function loadLua(name: string, shared: readonly string[] = []): string {
  return [...shared, name]
    .map((one) => readFileSync(new URL(`../../lua/${one}.lua`, import.meta.url), 'utf8'))
    .join('');
}
