import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { workspaceFolders } from './workspaces.mjs';

/** Rules on source files that are about a line, each with where it does not hold. */
const lineRules = [
  {
    what: 'ioredis is constructed only in redis-core',
    pattern:
      /^\s*(?:import|export)\s+(?!type\b)[^;]*?from\s+['"]ioredis['"]|\b(?:import|require)\(\s*['"]ioredis['"]/gm,
    isAllowedIn: (file) => file.startsWith('packages/redis-core/'),
  },
  {
    what: 'the types of ioredis are for redis-core and queue',
    pattern: /from\s+['"]ioredis['"]/g,
    isAllowedIn: (file) => /^packages\/(redis-core|queue)\//.test(file),
  },
  {
    what: 'prom-client is for telemetry',
    pattern: /['"]prom-client['"]/g,
    isAllowedIn: (file) => file.startsWith('packages/telemetry/'),
  },
  {
    what: 'process.env is read in config, and handed to it by the file of a process',
    pattern: /\bprocess\s*\.\s*env\b|\benv\b[^;\n]*from\s+['"](?:node:)?process['"]/g,
    isAllowedIn: (file) =>
      /^packages\/(config|testing)\//.test(file) ||
      /^(apps|examples)\/[^/]+\/src\/(server|main|forward)\.ts$/.test(file),
  },
  {
    what: 'sources do not use test fixtures',
    pattern: /['"]@holdfast\/testing['"]/g,
    isAllowedIn: (file) => file.startsWith('packages/testing/'),
  },
  {
    what: 'KEYS blocks Redis: scan instead',
    pattern: /\b(?:p?call|send|sendCommand|command|customCommand)\(\s*['"`]keys['"`]|\.keys\(\s*['"`]/gi,
    isAllowedIn: () => false,
  },
  {
    what: 'whether somebody waits for an answer is `request.ended`, and its deadline REQUEST_TIMEOUT: Fastify goes by what Node says once the body was read',
    pattern:
      /\brequest\s*\.\s*signal\b|\bhandlerTimeout\s*(?::(?!\s*\{)|=(?!=))|\bonRequestAbort\b|\braw\s*\.\s*(?:on|once)\(\s*['"](?:close|aborted)['"]|\(\s*\{[^()]*\bsignal\b[^()]*\}\s*(?:,\s*\w+\s*)?\)\s*=>/g,
    // The worker answers probes, which have no body.
    isAllowedIn: (file) =>
      !(file.startsWith('apps/') || /^packages\/modules\/src\/(?:http|[^/]+\/routes)\//.test(file)) ||
      file === 'apps/worker/src/health-server.ts' ||
      file === 'apps/api/src/plugins/errors/index.ts',
  },
];

const dumpingGround = /^(?:utils?|helpers?|common|misc)(?:\.[a-z.]+)?$/;

/** What breaks a rule that no other tool sees, one line each: `file:line: rule`. */
export function findBrokenRules(root) {
  const problems = [];
  for (const workspace of workspaceFolders(root)) {
    for (const path of walk(join(root, workspace))) problems.push(...checkFile(relative(root, path), path));
    problems.push(...checkManifest(workspace, join(root, workspace, 'package.json')));
  }
  return problems;
}

function checkFile(file, path) {
  const named = file
    .split('/')
    .slice(1)
    .filter((part) => dumpingGround.test(part));
  const problems = named.map((part) => `${file}: name it after what it holds, not "${part}"`);
  if (!/^[^/]+\/[^/]+\/(src|lua)\//.test(file) || !/\.(ts|lua)$/.test(file)) return problems;
  const text = withoutComments(readFileSync(path, 'utf8'), file);
  for (const { what, pattern, isAllowedIn } of lineRules) {
    if (isAllowedIn(file)) continue;
    for (const match of text.matchAll(pattern)) {
      problems.push(`${file}:${text.slice(0, match.index).split('\n').length}: ${what}`);
    }
  }
  return problems;
}

/** Blanks out comments, line by line, so that positions stay. Good enough for sources that are formatted. */
function withoutComments(text, file) {
  if (basename(file).endsWith('.lua')) return text.replaceAll(/--.*$/gm, '');
  return text
    .replaceAll(/^\s*\/\*[\s\S]*?\*\//gm, (comment) => comment.replaceAll(/[^\n]/g, ''))
    .replaceAll(/(^|\s)\/\/.*$/gm, '$1');
}

function checkManifest(workspace, path) {
  const { dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync(path, 'utf8'));
  const isRuntime = '@holdfast/testing' in dependencies || '@holdfast/testing' in peerDependencies;
  return isRuntime ? [`${workspace}/package.json: @holdfast/testing is a devDependency`] : [];
}

function walk(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', 'coverage', '.turbo'].includes(entry.name)) return [];
    const path = join(directory, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}
