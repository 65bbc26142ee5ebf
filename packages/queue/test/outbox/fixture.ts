import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisTarget } from '@holdfast/redis-core';
import { Type } from 'typebox';
import {
  createRedisBackend,
  defineQueue,
  openOutbox,
  Queues,
  type Outbox,
  type OutboxOptions,
  type QueueBackend,
  type QueueDefinition,
} from '../../src/index.ts';

import { OutboxFile, type ServedTable } from '../../src/outbox/outbox-file.ts';
import { OutboxTable } from '../../src/outbox/outbox-table.ts';

export const definition = defineQueue({
  name: 'parcels',
  description: 'For the tests of the outbox.',
  payload: Type.Object({ n: Type.Integer() }, { additionalProperties: false }),
  attempts: 3,
  timeoutMs: 10_000,
  retention: { completed: {}, failed: {} },
  concurrency: 5,
});

export interface OpenedOutbox {
  readonly queues: Queues;
  readonly outbox: Outbox;
  readonly backend: QueueBackend;
}

export interface OpenOptions extends Partial<OutboxOptions> {
  readonly directory: string;
  /** Of a Redis on this machine. */
  readonly port?: number;
  /** Where it is not one Redis. */
  readonly target?: RedisTarget;
  readonly definitions?: readonly QueueDefinition[];
  readonly commandTimeoutMs?: number;
}

/** Queues with an outbox, as a service has them. */
export async function openQueues({
  port = 0,
  target = { kind: 'standalone', host: '127.0.0.1', port },
  definitions,
  // A machine that is slow must not look like a Redis that is frozen.
  commandTimeoutMs = 60_000,
  patienceMs = 60_000,
  directory,
  folder = directory,
  ...options
}: OpenOptions): Promise<OpenedOutbox> {
  const backend = createRedisBackend({ target, commandTimeoutMs });
  const outbox = await openOutbox({ folder, ...options, patienceMs });
  const queues = new Queues({ backend, definitions: definitions ?? [definition], outbox });
  return { queues, outbox, backend };
}

export interface FileHere {
  readonly file: OutboxFile;
  readonly close: () => void;
}

/** The file of an outbox, served by this process: for tests that open it very often, or leave something in it. */
export function openFileHere(directory: string): FileHere {
  const table = new OutboxTable(directory, { maxBytes: 1024 * 1024, minFreeBytes: 0 });
  const served: ServedTable = {
    path: directory,
    fault: undefined,
    get totals() {
      return structuredClone(table.totals());
    },
    call: async (name, args) => {
      const call = table.calls[name] as (...given: readonly unknown[]) => never;
      return Promise.resolve(call(...args));
    },
    onOpen: () => () => undefined,
  };
  return { file: new OutboxFile(served), close: () => table.close() };
}

export interface Folder {
  readonly path: string;
  remove(): void;
}

export function temporaryFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-outbox-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
