import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../documents/pages.ts';
import { pnpm } from './pnpm.ts';

const run = promisify(execFile);

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A package as npm would get it. */
export interface Tarball {
  readonly file: string;
  /** As it is in there, with the versions that were filled in. */
  readonly manifest: Manifest;
  /** From the root of the package. */
  readonly entries: readonly string[];
}

/** The folders of the packages that a release publishes: all that are not private. */
export function publishedFolders(): string[] {
  return readdirSync(join(root, 'packages'))
    .map((name) => `packages/${name}`)
    .filter((folder) => {
      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
      return manifest.private !== true;
    });
}

/** Packs what is compiled of them into `directory`. */
export async function packPublished(directory: string): Promise<Tarball[]> {
  const filters = publishedFolders().flatMap((folder) => ['--filter', `./${folder}`]);
  await pnpm(['--recursive', ...filters, 'pack', '--pack-destination', directory]);
  return Promise.all(readdirSync(directory).map(async (name) => readTarball(join(directory, name))));
}

async function readTarball(file: string): Promise<Tarball> {
  const [list, manifest] = await Promise.all([
    run('tar', ['-tzf', file]),
    run('tar', ['-xzOf', file, 'package/package.json']),
  ]);
  const entries = list.stdout.trim().split('\n');
  return {
    file,
    manifest: JSON.parse(manifest.stdout) as Manifest,
    entries: entries.map((entry) => entry.replace(/^package\//, '')),
  };
}
