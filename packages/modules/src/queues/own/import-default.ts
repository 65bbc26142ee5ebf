import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { importProblem } from './import-problem.ts';
import { sharePackages } from './shared-packages.ts';

/** Loading what a handler imports takes a small container seconds. A file that waits at its top level waits for ever. */
const deadlineMs = 20_000;

/** Those that are being imported now. */
const underWay = new Set<string>();

/** A file that ends the process at its top level would otherwise leave no word of itself. */
function tellAtExit(): void {
  process.stderr.write(`The process was ended while it imported ${[...underWay].join(', ')}.\n`);
  process.exitCode = misconfigured;
}

/** As the exit codes of `@holdfast/runtime` have it (EX_CONFIG of sysexits.h). */
const misconfigured = 78;

export type Imported = { readonly value: unknown } | { readonly problem: string };

/** The default export of a file of the installation, or what is wrong with the file, in a sentence with its path. */
export async function importDefault(file: string): Promise<Imported> {
  sharePackages();
  const patience = new AbortController();
  if (underWay.size === 0) process.on('exit', tellAtExit);
  underWay.add(file);
  try {
    const loading = import(pathToFileURL(file).href) as Promise<Readonly<Record<string, unknown>>>;
    const late = sleep(deadlineMs, undefined, { signal: patience.signal }).catch(() => undefined);
    const module = await Promise.race([loading, late]);
    if (module === undefined) {
      return { problem: `${file} is not loaded after ${deadlineMs / 1000} s: what does it await at its top level?` };
    }
    if (!('default' in module)) return { problem: `${file} has no default export` };
    return { value: module['default'] };
  } catch (error) {
    return { problem: importProblem(error, file) };
  } finally {
    underWay.delete(file);
    if (underWay.size === 0) process.off('exit', tellAtExit);
    patience.abort();
  }
}
