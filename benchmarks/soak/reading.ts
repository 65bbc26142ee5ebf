import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@holdfast/testing';
import { constructorsIn } from './heap-snapshot.ts';

/** What one process or server holds at one moment, by name. Bytes where the name says so, else a number of things. */
export type Amounts = Readonly<Record<string, number>>;

/** One process of Holdfast that is looked at from outside. */
export interface Observed {
  readonly pid: number;
  readonly metricsUrl: string;
  /** Where Node writes snapshots of its heap (`--diagnostic-dir`), when it gets SIGUSR2 (`--heapsnapshot-signal`). */
  readonly snapshots: string;
  readonly signal: (signal: NodeJS.Signals) => void;
}

/** What a process holds, after a full garbage collection: the snapshot begins with one. */
export async function readProcess(observed: Observed): Promise<Amounts> {
  const { heapBytes, ...constructors } = await readHeap(observed);
  const metrics = await readMetrics(observed.metricsUrl);
  const files = await openFiles(observed.pid);
  return {
    heapBytes,
    externalBytes: metrics.sum('nodejs_external_memory_bytes'),
    residentBytes: metrics.sum('process_resident_memory_bytes'),
    files: files.length,
    sockets: files.filter((file) => file.startsWith('socket:')).length,
    ...constructors,
  };
}

async function readHeap({ snapshots, signal }: Observed): Promise<Record<string, number> & { heapBytes: number }> {
  const known = new Set(await readdir(snapshots));
  signal('SIGUSR2');
  const text = await eventually(
    async () => {
      const file = (await readdir(snapshots)).find((name) => !known.has(name));
      const written = file === undefined ? '' : await readFile(join(snapshots, file), 'utf8');
      // It is written piece by piece.
      if (!written.trimEnd().endsWith('}')) throw new Error('The snapshot of the heap is not there yet.');
      return written;
    },
    { timeoutMs: 300_000, intervalMs: 500 },
  );
  const constructors = constructorsIn(text);
  const amounts = Object.fromEntries([...constructors].map(([name, bytes]) => [`heap of ${name}, bytes`, bytes]));
  return { ...amounts, heapBytes: [...constructors.values()].reduce((sum, bytes) => sum + bytes, 0) };
}

/** Files, sockets and pipes of a process, as the system names them. */
async function openFiles(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map(async (fd) => readlink(join(folder, fd)).catch(() => '')),
  );
  return links.filter((link) => link !== '');
}

/** The values of a scrape. */
export class Metrics {
  readonly #lines: readonly string[];

  constructor(text: string) {
    this.#lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  }

  /** Over all series of this name whose labels fit; 0 where there is none. */
  sum(name: string, fits: (labels: string) => boolean = () => true): number {
    let sum = 0;
    for (const line of this.#lines) {
      const [, found, labels = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (found === name && fits(labels)) sum += Number(value);
    }
    return sum;
  }
}

export async function readMetrics(url: string): Promise<Metrics> {
  return new Metrics(await (await fetch(url)).text());
}

/** Bytes of the files in a folder and below. */
export async function folderBytes(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => stat(join(folder, name)).catch(() => undefined)));
  return sizes.reduce((sum, found) => sum + (found?.isFile() === true ? found.size : 0), 0);
}
