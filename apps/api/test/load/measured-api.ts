import { mkdtempSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawnNode, uniquePrefix, useRedis } from '@holdfast/testing';

export interface Measured {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly code: string | undefined;
  /** Processor time of the thread of the service, in the longest turn of its event loop. */
  readonly longestMs: number;
  /** By how much the process has grown, at most. */
  readonly grownBytes: number;
}

interface Told {
  readonly longestMs: number;
  /** Bytes, at most and now. */
  readonly largest: number;
  readonly now: number;
}

export interface MeasuredApi {
  send(method: string, path: string, body: Buffer): Promise<Measured>;
  /** Whether it still answers. */
  isAlive(): Promise<boolean>;
  close(): Promise<void>;
}

/** The service as a process with the heap that it has in its image, which is measured from within while it answers a request. */
export async function startMeasured(env: Readonly<Record<string, string>> = {}): Promise<MeasuredApi> {
  const probe = new URL('./stretch-probe.ts', import.meta.url).href;
  const node = spawnNode(new URL('../../src/server.ts', import.meta.url), {
    cwd: mkdtempSync(join(tmpdir(), 'holdfast-measured-')),
    execArgs: ['--conditions=@holdfast/source', '--max-old-space-size=259', '--import', probe],
    env: {
      PORT: '0',
      REDIS_URL: useRedis().url,
      REDIS_KEY_PREFIX: uniquePrefix('measured'),
      REDIS_PROBE_DEADLINE_MS: '30000',
      REDIS_COMMAND_TIMEOUT_MS: '30000',
      LOG_LEVEL: 'info',
      ...env,
    },
  });
  const [, address = ''] = await node.waitForLine(/"address":"([^"]+)".*"ready"/);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let asked = 0;
  const tell = async (): Promise<Told> => {
    asked += 1;
    node.signal('SIGUSR2');
    const [line] = await node.waitForLine(new RegExp(`^\\{"told":${asked},.*`));
    return JSON.parse(line) as Told;
  };
  const exchange = (method: string, path: string, body: Buffer): Promise<{ status: number; text: string }> => {
    const { promise, resolve } = Promise.withResolvers<{ status: number; text: string }>();
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const call = request(new URL(path, address), { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.on('close', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    call.on('error', () => resolve({ status: 0, text: '' }));
    call.end(body);
    return promise;
  };
  return {
    async send(method, path, body) {
      const before = await tell();
      const { status, text } = await exchange(method, path, body);
      const { longestMs, largest } = await tell();
      const code = /"code":"([A-Z_]+)"/.exec(text)?.[1];
      return { status, code, longestMs, grownBytes: Math.max(0, largest - before.now) };
    },
    isAlive: async () => (await exchange('GET', '/health/live', Buffer.alloc(0))).status === 200,
    async close() {
      agent.destroy();
      await node.kill('SIGTERM');
    },
  };
}
