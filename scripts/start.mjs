/** `npm start`: installs and builds what is needed, runs Holdfast, and says what to try. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort, localAddress, reachable } from './lib/address.mjs';
import { banner } from './lib/banner.mjs';
import { buildIfNeeded } from './lib/build.mjs';
import { installIfNeeded } from './lib/install.mjs';
import { node } from './lib/paths.mjs';
import { anyItemId, untilReady, untilSynced } from './lib/readiness.mjs';
import { loadDotEnv, readSettings } from './lib/settings.mjs';
import { Supervisor } from './lib/supervisor.mjs';

const startedAt = performance.now();
installIfNeeded();
console.log('Building …');
await buildIfNeeded();
loadDotEnv();
// Requests would push the closing banner off the screen.
process.env.LOG_LEVEL ||= 'warn';
const settings = readSettings();
if (settings.port === 0) settings.port = await freePort(settings.host);
process.env.PORT = String(settings.port);

const jobs = join(settings.dataDir, 'queue');
if (settings.mode !== 'embedded' && existsSync(jobs)) {
  console.warn(
    `Warning: ${jobs} holds jobs of the embedded mode. Unfinished ones do not run on Redis; start without Redis to finish them.`,
  );
}

const supervisor = new Supervisor();
void supervisor.finished.then((code) => process.exit(code));
const isStopping = () => supervisor.isStopping;

const upstream = settings.upstream ?? (settings.mayStartSample ? await startSampleUpstream() : null);
if (!isStopping()) {
  const env = { ...process.env, ...(upstream !== null && { NOVITA_API_BASE_URL: upstream }) };
  console.log(`Starting (${settings.mode} mode) …`);
  if (settings.mode !== 'embedded')
    supervisor.start({ name: 'The worker', node, file: 'apps/worker/dist/main.js', env, rank: 1 });
  supervisor.start({ name: 'The API', node, file: 'apps/api/dist/server.js', env, rank: 1 });
  await announce();
}

async function announce() {
  const url = `http://${reachable(settings.host)}:${settings.port}`;
  if (!(await untilReady(url, isStopping))) {
    if (!isStopping()) console.error(`${url}/health/ready does not answer 200 yet; the messages above may say why.`);
    return;
  }
  const canLook = !settings.hasApiKeys && upstream !== null && settings.sources.includes('instances');
  if (canLook) console.log('Mirroring the upstream …');
  const items = canLook ? await untilSynced(url, 'instances', isStopping) : 0;
  const itemId = items > 0 ? await anyItemId(url, 'instances') : undefined;
  if (isStopping()) return;
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(banner({ ...settings, url, upstream, isSample: settings.upstream === null, items, itemId, seconds }));
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
