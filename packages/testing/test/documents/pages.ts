import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root: string = fileURLToPath(new URL('../../../../', import.meta.url));

export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

const skipped = new Set(['node_modules', 'dist', 'coverage', '.git', '.turbo', '.changeset', '.holdfast']);

/** Every Markdown page of the repository. */
export function pages(): Page[] {
  return walk(root)
    .filter((file) => file.endsWith('.md') && !file.endsWith('CHANGELOG.md'))
    .map((file) => ({ path: relative(root, file), text: readFileSync(file, 'utf8') }));
}

export function page(path: string): Page {
  return { path, text: readFileSync(join(root, path), 'utf8') };
}

/** Targets of links that stay in the repository and do not exist, with what follows `#` checked as well. */
export function brokenLinks({ path, text }: Page): string[] {
  const prose = withoutCode(text);
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#');
      const absolute = file === '' ? join(root, path) : resolve(root, dirname(path), file);
      if (!existsSync(absolute)) return true;
      return anchor !== undefined && !anchors(readFileSync(absolute, 'utf8')).has(anchor);
    });
}

/** Paths of files, as they stand in backquotes or in a picture, that do not exist. */
export function missingFiles({ text }: Page): string[] {
  const mentioned = [
    ...text.matchAll(/(?<![\w/.@-])((?:apps|packages|examples|infra|scripts|docs|benchmarks)\/[\w./-]*\w)/g),
  ]
    .map((match) => match[1] ?? '')
    // What is built, and what an example only makes up.
    .filter((file) => !/\/dist\/|\/yours$/.test(file));
  return [...new Set(mentioned)].filter((file) => !existsSync(join(root, file)));
}

function anchors(text: string): Set<string> {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map((match) => match[1] ?? '');
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '');
}

function walk(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name)) return [];
    const path = join(directory, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}
