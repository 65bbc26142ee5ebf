import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { workspaceFolders } from './workspaces.mjs';

/** Options of vitest whose value is an argument of its own. */
const withValue = new Set(
  `-t --testNamePattern --project --reporter --outputFile -c --config --exclude --pool
  --maxWorkers --retry --repeats --bail --shard --testTimeout --hookTimeout`.split(/\s+/),
);

/** The arguments that are patterns: parts of the path of a test file. */
function patternsOf(args) {
  return args.filter((arg, at) => !arg.startsWith('-') && !withValue.has(args[at - 1]));
}

/**
 * `args`, with each pattern replaced by the files whose path in the repository holds it; vitest itself looks at the path within a
 * package only. `missing` are the patterns that no path holds.
 */
export function resolvePatterns(root, args) {
  const patterns = new Set(patternsOf(args));
  const files = testFiles(root);
  const holding = (pattern) => {
    const [, part, line = ''] = /^(.*?)(:\d+)?$/.exec(pattern);
    const wanted = (part.startsWith(root) ? relative(root, part) : part.replace(/^\.\//, '')).toLowerCase();
    return files.filter((file) => file.toLowerCase().includes(wanted)).map((file) => join(root, file) + line);
  };
  return {
    args: args.flatMap((arg) => (patterns.has(arg) ? holding(arg) : [arg])),
    missing: [...patterns].filter((pattern) => holding(pattern).length === 0),
  };
}

/** Relative to the root. */
function testFiles(root) {
  return [...workspaceFolders(root), 'scripts'].flatMap((folder) => {
    const tests = join(root, folder, 'test');
    if (!existsSync(tests)) return [];
    return readdirSync(tests, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.ts'))
      .map((file) => `${folder}/test/${file}`);
  });
}
