import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/** How much of a body that nobody wants is read, and how long its sender has to read the answer. */
export const droppedBytes = 64 * 1024;
const patienceMs = 1000;

/**
 * An answer to a request whose body has not come, and is not wanted. Closing the socket while bytes are still coming makes the
 * kernel reset the connection, and the caller may never see the answer: so its end waits until the caller has stopped, for a
 * second at most, and of what comes meanwhile only little is read.
 */
export function withUnreadBody(text: string, raw: IncomingMessage): Readable {
  return Readable.from(answer(text, raw), { objectMode: false });
}

async function* answer(text: string, raw: IncomingMessage): AsyncGenerator<string> {
  yield text;
  await drop(raw);
}

function drop(raw: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = droppedBytes;
  raw.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) raw.pause();
  });
  const timer = setTimeout(resolve, patienceMs);
  raw
    .once('end', resolve)
    .once('close', resolve)
    .once('error', () => resolve());
  raw.resume();
  return promise.finally(() => clearTimeout(timer));
}
