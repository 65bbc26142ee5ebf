/**
 * Prints, as JSON, what a start needs to know of the configuration, and tries whether its ports are free: a start that
 * must fail had better say so before it has started anything. A process of its own, since the compiled packages
 * need the installed Node, and the starting script may run on an older one.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './paths.mjs';

const load = (file) => import(pathToFileURL(join(root, file)).href);
const { loadConfig, ConfigError } = await load('packages/config/dist/index.js');
const { configParts, modules } = await load('packages/modules/dist/index.js');
const { openPort } = await load('packages/runtime/dist/open-port.js');
const { StartError } = await load('packages/runtime/dist/start-error.js');

try {
  const config = loadConfig({ env: process.env, cwd: root, parts: configParts(modules) });
  const { mode, environment, server, worker, dataDir, apiKeys, queues, sources } = config;
  const names = Object.keys(sources.byName);
  await tryPort(server, { host: 'HOST', port: 'PORT' });
  if (mode !== 'embedded') await tryPort(worker, { host: 'WORKER_HOST', port: 'WORKER_PORT' });
  const settings = {
    mode,
    dataDir,
    upstream: sources.upstream.baseUrl,
    hasApiKeys: apiKeys.length > 0,
    // Those that will be mirrored.
    sources: queues.disabled.includes('source-sync') ? [] : names,
    // In production nothing stands in for the real one.
    mayStartSample: environment !== 'production' && names.length > 0,
  };
  process.stdout.write(JSON.stringify(settings));
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof StartError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode ?? 78;
}

/** Opens it as the process would, and closes it again. */
async function tryPort({ host, port }, variables) {
  const server = createServer();
  const listen = async (options) => {
    server.listen(options);
    await once(server, 'listening');
  };
  await openPort({ server, listen }, { host, port, variables });
  await new Promise((resolve) => server.close(resolve));
}
