import { globSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface HandlerFiles {
  /** Absolute, sorted. */
  readonly files: readonly string[];
  /** Why there are none. */
  readonly problem?: string;
}

/** Files that have a part of a queue in their name; whatever else lies beside them is theirs to import. */
const partPattern = '*.{queue,handler}.{ts,mts,cts,js,mjs,cjs}';
const isPart = /\.(queue|handler)\.[cm]?[tj]s$/;

/** As npm allows it. What is no name is a path. */
const packageName = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * The files of one entry of `handlers`.
 *
 * @param entry a glob, a file or a folder, relative to `directory`; or the name of a package that is installed there
 */
export function handlerFiles(entry: string, directory: string): HandlerFiles {
  return packageName.test(entry) ? ofPackage(entry, directory) : ofPath(entry, directory);
}

function ofPath(entry: string, directory: string): HandlerFiles {
  const pattern = isFolder(resolve(directory, entry)) ? join(entry, partPattern) : entry;
  const isOutside = !entry.includes('node_modules');
  const files = partsIn(directory, pattern).filter((file) => !(isOutside && file.includes(`${sep}node_modules${sep}`)));
  if (files.length > 0) return { files };
  return { files, problem: `${entry} matches no *.queue.ts and no *.handler.ts in ${directory}` };
}

/** What the package says of itself: `"holdfast": { "handlers": "./dist/*.js" }`. */
function ofPackage(name: string, directory: string): HandlerFiles {
  const manifest = packageManifest(name, directory);
  if (manifest === undefined) {
    return { files: [], problem: `${name} is no package that is installed in ${directory}; a folder begins with ./` };
  }
  const patterns = patternsOf(manifest);
  if (patterns === undefined) {
    return {
      files: [],
      problem: `${manifest} does not say where its handlers are: "holdfast": { "handlers": "./dist/*.js" }`,
    };
  }
  const root = dirname(manifest);
  const found = patterns.map((pattern) => inPackage(pattern, root));
  const problem = found.find((one) => one.problem !== undefined)?.problem;
  return { files: found.flatMap(({ files }) => files), ...(problem !== undefined && { problem }) };
}

function patternsOf(manifest: string): readonly string[] | undefined {
  try {
    const { holdfast } = JSON.parse(readFileSync(manifest, 'utf8')) as { holdfast?: { handlers?: unknown } };
    const patterns = [holdfast?.handlers].flat();
    return patterns.every((pattern) => typeof pattern === 'string') ? patterns : undefined;
  } catch {
    return undefined;
  }
}

function inPackage(pattern: string, root: string): HandlerFiles {
  const files = partsIn(root, pattern);
  if (files.length > 0) return { files };
  return { files, problem: `${pattern} matches no *.queue.js and no *.handler.js in ${root}` };
}

function partsIn(folder: string, pattern: string): string[] {
  return globSync(pattern, { cwd: folder })
    .map((file) => resolve(folder, file))
    .filter((file) => isPart.test(file))
    .toSorted();
}

function packageManifest(name: string, directory: string): string | undefined {
  try {
    return findPackageJSON(name, pathToFileURL(join(directory, 'holdfast.yaml')));
  } catch {
    return undefined;
  }
}

/** What may not be looked at (a folder of another user, a link to itself) is none: then nothing is found in it, which is told. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Node removes no types from what lies below node_modules; a package that is linked from elsewhere lies elsewhere. */
export function isInstalledTypeScript(file: string): boolean {
  return /\.[cm]?ts$/.test(file) && targetOf(file).includes(`${sep}node_modules${sep}`);
}

/** The file that a link leads to, over any number of links; the link itself where it leads nowhere. */
export function targetOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
