import { PGlite, types } from '@electric-sql/pglite';
import { setFlagsFromString } from 'node:v8';
import { makeDataFolder } from './data-folder.ts';
import { findTemplate } from './pglite-template.ts';

const MiB = 1024 * 1024;
/** Below this, what the optimizing compiler takes (half a gigabyte for seconds, and more with more cores) is not there. */
const lowMemoryBytes = 1024 * MiB;
/** Measured: 690 MiB with Node's own, without the optimizing compiler. */
const initdbBytes = 768 * MiB;

const settings = {
  // One session, whose files are in the page cache of the kernel: PostgreSQL's own defaults cost 100 MiB for nothing.
  shared_buffers: '8MB',
  max_connections: '10',
  // Files of the log that are no longer needed are not kept.
  max_wal_size: '64MB',
  min_wal_size: '32MB',
};

const options = {
  // pg hands 64-bit integers over as text, and BullMQ expects that.
  parsers: { [types.INT8]: (value: string) => value },
  startParams: [
    ...PGlite.defaultStartParams,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ],
};

/** Opens the database in `directory`, made where there is none, with what `memoryBytes` of this process allow. */
export async function openPglite(directory: string, memoryBytes: number): Promise<PGlite> {
  if (memoryBytes < lowMemoryBytes) compileInLittleMemory();
  await makeDataFolder(directory, {
    template: findTemplate(),
    initialise: async (folder) => initialise(folder, memoryBytes),
  });
  return PGlite.create(directory, options);
}

/**
 * WebAssembly that is compiled from now on in this process stays with V8's baseline compiler: slower where it computes
 * much. The same as `--liftoff-only` on the command line, which does nothing here because V8 derives from it these two,
 * once, at its start.
 */
function compileInLittleMemory(): void {
  setFlagsFromString('--no-wasm-tier-up');
  setFlagsFromString('--no-wasm-dynamic-tiering');
}

async function initialise(folder: string, memoryBytes: number): Promise<void> {
  requireInitdbMemory(memoryBytes);
  const database = await PGlite.create(folder, options);
  await database.close();
}

/** @throws Error that says what to do, before the kernel would end the process without a word. */
export function requireInitdbMemory(memoryBytes: number): void {
  if (memoryBytes >= initdbBytes) return;
  throw new Error(
    `A new database takes ${initdbBytes / MiB} MiB to make, and this process may use ${Math.floor(memoryBytes / MiB)} MiB: give it more memory for its first start, or build the template that makes it cheap (in the repository: npm run build).`,
  );
}
