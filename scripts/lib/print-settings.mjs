/**
 * Prints, as JSON, what a start needs to know of the configuration. A process of its own, since the compiled packages
 * need the installed Node, and the starting script may run on an older one.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './paths.mjs';

const { loadConfig, ConfigError } = await import(pathToFileURL(join(root, 'packages/config/dist/index.js')).href);

try {
  const config = loadConfig({ env: process.env, cwd: root });
  const { mode, environment, server, dataDir, upstream, apiKeys, sources, disabled } = config;
  const syncs = !disabled.queues.includes('source-sync');
  const settings = {
    mode,
    host: server.host,
    port: server.port,
    dataDir,
    upstream: upstream.baseUrl,
    hasApiKeys: apiKeys.length > 0,
    // Those that will be mirrored.
    sources: syncs ? Object.keys(sources) : [],
    // In production nothing stands in for the real one.
    mayStartSample: environment !== 'production' && Object.keys(sources).length > 0,
  };
  process.stdout.write(JSON.stringify(settings));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 78;
}
