import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Beside `src` and `dist`, which both reach it by this path. */
export const templateFolder = fileURLToPath(new URL('../../template/', import.meta.url));

/**
 * A new database in one file, as the build makes it (`make-template.ts`): initdb takes two seconds and 700 MiB, unpacking
 * neither. It fits the PGlite that made it and no other, and holds the tables of one BullMQ, so both are in its name.
 */
export function templateFile(): string {
  return join(templateFolder, `pglite-${versionOf('@electric-sql/pglite')}-bullmq-${versionOf('bullmq')}.sqlar`);
}

/** `undefined` where the build did not make it for these versions. */
export function findTemplate(): string | undefined {
  const file = templateFile();
  return existsSync(file) ? file : undefined;
}

/** Neither of them exports its package.json, which is in the folder of what it exports, or above. */
function versionOf(name: string): string {
  for (let folder = dirname(createRequire(import.meta.url).resolve(name)); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (!existsSync(file)) {
      if (folder === dirname(folder)) throw new Error(`${name} has no package.json.`);
      continue;
    }
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string };
    if (manifest.name === name && manifest.version !== undefined) return manifest.version;
  }
}
