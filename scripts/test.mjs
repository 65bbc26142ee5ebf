/**
 * `npm test`: runs every test against a real Redis and ends with `N passed, N failed`. Arguments go to vitest:
 * `npm test -- queue/test/outbox` runs the files with that in their path, `-t name` the tests that are called like that.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildIfNeeded } from './lib/build.mjs';
import { createLauncher } from './lib/docker-launcher.mjs';
import { fail } from './lib/fail.mjs';
import { findRedis, findServer, nothingFound } from './lib/find-redis.mjs';
import { installRedis } from './lib/install-redis.mjs';
import { installIfNeeded } from './lib/install.mjs';
import { root, withTools } from './lib/paths.mjs';
import { makeTemplateIfNeeded } from './lib/queue-template.mjs';
import { runBinary, runContainer } from './lib/run-redis.mjs';
import { resolvePatterns } from './lib/test-files.mjs';
import { explainNothing, summarize } from './lib/test-summary.mjs';

const chosen = resolvePatterns(root, process.argv.slice(2));
if (chosen.missing.length > 0) {
  fail(
    `There is no test file with ${chosen.missing.map((one) => `"${one}"`).join(' or ')} in its path. \`npm test -- PATTERN\` runs those whose path in the\n` +
      'repository holds the pattern: `npm test -- queue/test/outbox`; `npm test -- -t name` the tests that are called like that.',
  );
}
installIfNeeded();
const redis = await startRedis();
console.log(`Redis for the tests: ${redis.what}`);
// Process tests run what is compiled.
console.log('Building …');
const template = makeTemplateIfNeeded();
buildIfNeeded();
await template;

const directory = mkdtempSync(join(tmpdir(), 'holdfast-report-'));
const reportFile = join(directory, 'report.json');
const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...chosen.args];
const tools = withTools();
const vitest = spawn('vitest', args, {
  cwd: root,
  env: { ...tools, TEST_REDIS_URL: redis.url, PATH: `${redis.path ?? ''}${tools.PATH}` },
  stdio: ['ignore', 'inherit', 'inherit'],
});
// A terminal's Ctrl-C reaches vitest as well; here it must only not end this process before the tidying up.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => vitest.kill(signal));
const [code, signal] = await once(vitest, 'exit');
await redis.stop();

const report = readReport();
const { line, isGood } = summarize(report, signal === null ? code : 1);
const explanation = explainNothing(report, process.argv.slice(2));
if (explanation !== undefined) console.error(`\n${explanation}`);
rmSync(directory, { recursive: true, force: true });
console.log(`\n${line}`);
process.exitCode = isGood ? 0 : 1;

function readReport() {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8'));
  } catch {
    // vitest ended before it wrote one.
    return undefined;
  }
}

async function runInDocker(image) {
  const server = await runContainer(image);
  const what = `a container of ${image}`;
  if (findServer() !== undefined) return { ...server, what };
  const launcher = createLauncher(image);
  const stop = async () => {
    await server.stop();
    launcher.remove();
  };
  return { ...server, what, stop, path: `${launcher.directory}${delimiter}` };
}

async function startRedis() {
  const found = findRedis();
  switch (found?.kind) {
    case 'url':
      return { url: found.url, what: 'TEST_REDIS_URL', stop: async () => {} };
    case 'docker':
      return runInDocker(found.image);
    case 'binary':
      return { ...(await runBinary(found.binary)), what: found.binary };
    case 'install': {
      const binary = installRedis() ? findServer() : undefined;
      if (binary === undefined) fail(nothingFound);
      return { ...(await runBinary(binary)), what: `${binary}, just installed` };
    }
    case undefined:
      return fail(nothingFound);
  }
}
