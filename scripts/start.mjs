/** `npm start`: installs and builds what is needed, runs Holdfast, and says what to try. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { localAddress } from './lib/address.mjs';
import { readArguments } from './lib/arguments.mjs';
import { banner } from './lib/banner.mjs';
import { buildIfNeeded } from './lib/build.mjs';
import { installIfNeeded } from './lib/install.mjs';
import { lookAtMirror } from './lib/mirror.mjs';
import { News } from './lib/news.mjs';
import { node } from './lib/paths.mjs';
import { loadDotEnv, readSettings } from './lib/settings.mjs';
import { Supervisor } from './lib/supervisor.mjs';

const startedAt = performance.now();
const { verbose } = readArguments();
installIfNeeded({ onlyToRun: true });
console.log('Building …');
buildIfNeeded();
loadDotEnv();
// Requests would push the closing banner off the screen.
if (verbose) process.env.LOG_LEVEL = 'debug';
else process.env.LOG_LEVEL ||= 'warn';
const settings = readSettings();

const jobs = join(settings.dataDir, 'queue');
if (settings.mode !== 'embedded' && existsSync(jobs)) {
  console.warn(
    `Warning: ${jobs} holds jobs of the embedded mode. Unfinished ones do not run on Redis; start without Redis to finish them.`,
  );
}

const supervisor = new Supervisor();
void supervisor.finished.then((code) => process.exit(code));
const news = new News();

const upstream = settings.upstream ?? (settings.mayStartSample ? await startSampleUpstream() : null);
if (!supervisor.isStopping) {
  const env = { ...process.env, ...(upstream !== null && { NOVITA_API_BASE_URL: upstream }) };
  console.log(`Starting (${settings.mode} mode) …`);
  if (settings.mode !== 'embedded')
    news.of(supervisor.start({ name: 'The worker', node, file: 'apps/worker/dist/main.js', env, rank: 1 }));
  news.of(supervisor.start({ name: 'The API', node, file: 'apps/api/dist/server.js', env, rank: 1 }));
  await announce();
}

async function announce() {
  await news.until(() => news.known.address !== undefined);
  const { address: url, redis } = news.known;
  if (!news.known.ready) {
    console.error(
      `\nHoldfast listens at ${url} and is not ready (503): ${redis ?? 'a part of it is missing'}.\nIt goes on trying.`,
    );
    await news.until(() => news.known.ready);
  }
  const mirrors = upstream !== null && settings.sources.includes('instances');
  const canLook = mirrors && !settings.hasApiKeys && news.known.redis === null;
  const { items, itemId } = canLook ? await mirrored(url) : { items: 0 };
  if (supervisor.isStopping) return;
  const seconds = (performance.now() - startedAt) / 1000;
  const away = news.known.redis;
  console.log(
    banner({ ...settings, url, upstream, isSample: settings.upstream === null, items, itemId, seconds, away }),
  );
}

async function mirrored(url) {
  console.log('Mirroring the upstream …');
  const before = await lookAtMirror(url, 'instances');
  if (before.items > 0) return before;
  await news.until(() => news.hasSynced('instances') || news.known.redis !== null, 15_000);
  return lookAtMirror(url, 'instances');
}

/** A small API with slow answers stands in for the real one, so that there is something to mirror. */
async function startSampleUpstream() {
  const file = 'examples/upstream/dist/main.js';
  // Rank 0: it stops last, since a sync in flight still needs it.
  const child = supervisor.start({
    name: 'The sample upstream',
    node,
    file,
    args: ['--host', localAddress('localhost')],
    env: process.env,
    rank: 0,
    readsOutput: true,
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([once(lines, 'line'), supervisor.finished.then(() => ['{}'])]);
  return JSON.parse(line).url ?? '';
}
