/**
 * The thread that runs PGlite: PostgreSQL as WebAssembly, on files. It is apart from the main thread because a query
 * blocks the thread it runs on, and a loop of queries starved the timers of the whole service for seconds.
 */
import type { PGlite } from '@electric-sql/pglite';
import { parentPort, workerData } from 'node:worker_threads';
import { openPglite } from './open-pglite.ts';
import type { ThreadData, ThreadError, ThreadMessage, ThreadRequest } from './protocol.ts';

const port = parentPort;
if (port === null) throw new Error('This file runs as a worker thread only.');

const send = (message: ThreadMessage): void => port.postMessage(message);

function plainError(error: unknown): ThreadError {
  const { message, code, detail } = error as { message?: string; code?: string; detail?: string };
  return {
    message: message ?? String(error),
    ...(code !== undefined && { code }),
    ...(detail !== undefined && { detail }),
  };
}

async function listen(db: PGlite, channel: string): Promise<void> {
  await db.listen(channel, (payload) => send({ kind: 'notification', channel, payload }));
}

async function answer(db: PGlite, request: ThreadRequest): Promise<void> {
  switch (request.kind) {
    case 'query': {
      // Without parameters a text may hold several statements, as in the simple protocol of pg.
      const result =
        request.params === null
          ? (await db.exec(request.text)).at(-1)
          : await db.query(request.text, [...request.params]);
      const rows = result?.rows ?? [];
      send({ kind: 'result', id: request.id, rows, rowCount: rows.length || (result?.affectedRows ?? 0) });
      return;
    }
    case 'listen':
      await listen(db, request.channel);
      send({ kind: 'result', id: request.id, rows: [], rowCount: 0 });
      return;
    case 'close':
      await db.close();
      send({ kind: 'result', id: request.id, rows: [], rowCount: 0 });
      port?.close();
      return;
  }
}

try {
  const { directory, memoryBytes, session = '', channels = [] } = workerData as ThreadData;
  const db = await openPglite(directory, memoryBytes);
  if (session !== '') await db.exec(session);
  for (const channel of channels) await listen(db, channel);
  port.on('message', (request: ThreadRequest) => {
    answer(db, request).catch((error: unknown) => send({ kind: 'error', id: request.id, error: plainError(error) }));
  });
  send({ kind: 'ready' });
} catch (error) {
  send({ kind: 'failed', error: plainError(error) });
}
