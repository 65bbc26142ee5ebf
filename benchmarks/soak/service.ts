import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, freePort, spawnNode, type SpawnedNode } from '@holdfast/testing';
import type { Observed } from './reading.ts';

const files = {
  api: new URL('../../apps/api/src/server.ts', import.meta.url),
  worker: new URL('../../apps/worker/src/main.ts', import.meta.url),
};

/** Few ended jobs are kept, so that what lasts is what was forgotten. */
const settings = `
queues:
  http-delivery:
    attempts: 10
    backoff: { type: exponential, delay: 200ms }
    retention: { completed: { count: 500 }, failed: { count: 100 } }
`;

export interface ServiceOptions {
  readonly kind: keyof typeof files;
  readonly name: string;
  /** Of everything that this run writes. */
  readonly directory: string;
  /** Without one: embedded. */
  readonly redisUrl: string | undefined;
}

/** One process of Holdfast, which can be ended and started again under the same address. */
export class ServiceProcess {
  readonly origin: string;
  readonly folder: string;
  readonly #options: ServiceOptions;
  readonly #port: number;
  #node: SpawnedNode | undefined;

  private constructor(options: ServiceOptions, port: number) {
    this.#options = options;
    this.#port = port;
    this.origin = `http://127.0.0.1:${port}`;
    this.folder = join(options.directory, options.name);
    mkdirSync(join(this.folder, 'snapshots'), { recursive: true });
    writeFileSync(join(this.folder, 'holdfast.yaml'), settings);
  }

  static async start(options: ServiceOptions): Promise<ServiceProcess> {
    const service = new ServiceProcess(options, await freePort());
    await service.start();
    return service;
  }

  get observed(): Observed {
    const node = this.#running();
    return {
      pid: node.pid,
      metricsUrl: `${this.origin}/metrics`,
      snapshots: join(this.folder, 'snapshots'),
      signal: (signal) => node.signal(signal),
    };
  }

  get dataFolder(): string {
    return join(this.folder, 'data');
  }

  async start(): Promise<void> {
    const { kind, redisUrl } = this.#options;
    const port = String(this.#port);
    this.#node = spawnNode(files[kind], {
      cwd: this.folder,
      execArgs: [
        '--conditions=@holdfast/source',
        '--heapsnapshot-signal=SIGUSR2',
        `--diagnostic-dir=${join(this.folder, 'snapshots')}`,
      ],
      env: {
        ...(kind === 'api' ? { PORT: port } : { WORKER_PORT: port }),
        ...(redisUrl === undefined ? { HOLDFAST_EMBEDDED: 'true' } : { REDIS_URL: redisUrl }),
        HOLDFAST_DATA_DIR: this.dataFolder,
        HTTP_DELIVERY_ALLOW_PRIVATE: 'true',
        LOG_LEVEL: 'warn',
        LOG_FILE: join(this.folder, 'log.jsonl'),
      },
    });
    await eventually(
      async () => {
        if ((await fetch(`${this.origin}/health/ready`)).status !== 200) throw new Error('It is not ready.');
      },
      { timeoutMs: 120_000 },
    );
  }

  /** Ends the process with this signal, and starts it again. */
  async restart(signal: NodeJS.Signals): Promise<void> {
    await this.#running().kill(signal);
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#running().kill('SIGTERM');
  }

  #running(): SpawnedNode {
    if (this.#node === undefined) throw new Error(`${this.#options.name} does not run.`);
    return this.#node;
  }
}
