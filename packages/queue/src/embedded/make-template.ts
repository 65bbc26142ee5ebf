/** A step of the build: makes the template of a new database, unless there is one for these versions. */
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findTemplate, templateFile, templateFolder } from './pglite-template.ts';

if (findTemplate() === undefined) await makeTemplate();

async function makeTemplate(): Promise<void> {
  // Loaded here, so that a build that has nothing to make is not held up.
  const { createEmbeddedBackend } = await import('./embedded-backend.ts');
  const { packFolder } = await import('./folder-archive.ts');
  mkdirSync(templateFolder, { recursive: true });
  // Beside its place, so that it can get its name when it is complete: two builds at once do no harm.
  const directory = mkdtempSync(join(templateFolder, '.making-'));
  try {
    const backend = await createEmbeddedBackend({ directory });
    await backend.close();
    const packed = join(directory, 'template.sqlar');
    packFolder(join(directory, 'pglite'), packed);
    for (const old of readdirSync(templateFolder)) {
      if (old.endsWith('.sqlar')) rmSync(join(templateFolder, old), { force: true });
    }
    renameSync(packed, templateFile());
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
