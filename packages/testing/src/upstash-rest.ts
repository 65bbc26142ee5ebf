import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';
import { freePort } from './ports.ts';
import { spawnNode } from './spawn-node.ts';

export interface UpstashRest {
  readonly url: string;
  readonly token: string;
  readonly host: string;
  readonly port: number;
  stop(): Promise<void>;
}

const TOKEN = 'test-token';

/**
 * Makes the HTTP server of a process keep connections for a minute. At Node's 5 seconds a request that is sent while the
 * server closes its connection is lost, which the engine has to report as an unknown outcome: under load a test met that.
 */
const keepsConnections = `data:text/javascript,${encodeURIComponent(`
  import { Server } from 'node:http';
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...args) {
    this.keepAliveTimeout = 60_000;
    return listen.apply(this, args);
  };
`)}`;

/**
 * Starts `@humanwhocodes/upstash-redis-server` before the Redis at `redisUrl`, in a process of its own. What it does not
 * have of the real service: `Upstash-Encoding: base64` (its replies are read as UTF-8, so other bytes are lost), the
 * commands as paths, `/multi-exec`, `/subscribe`; `/pipeline` asks for no token.
 */
export async function startUpstashRest(redisUrl: string): Promise<UpstashRest> {
  const entry = import.meta.resolve('@humanwhocodes/upstash-redis-server');
  const port = await freePort();
  const child = spawnNode(fileURLToPath(new URL('server.js', entry)), {
    execArgs: ['--import', keepsConnections],
    env: { URS_TOKEN: TOKEN, PORT: String(port), REDIS_URL: redisUrl },
  });
  const url = `http://127.0.0.1:${port}`;
  await eventually(
    async () => {
      const response = await fetch(`${url}/pipeline`, { method: 'POST', body: '[["PING"]]' });
      if (!response.ok) throw new Error(`it answers ${response.status}: ${child.lines.join('\n')}`);
    },
    { intervalMs: 25 },
  );
  return {
    url,
    token: TOKEN,
    host: '127.0.0.1',
    port,
    async stop() {
      await child.kill();
    },
  };
}
