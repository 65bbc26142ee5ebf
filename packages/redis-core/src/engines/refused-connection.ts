import { faultKindOf } from '../connection-fault.ts';

interface ConnectingClient {
  on(event: 'connect', listener: () => void): unknown;
  readonly stream: { once(event: 'data', listener: (bytes: Buffer) => void): unknown };
}

/**
 * Calls back with what a server says before it ends a connection that it does not take, because it has no more room for
 * clients. The library hands that to the first command of its own, whose errors it drops, and tells of the end alone. Also
 * for the queue.
 */
export function hearWhyNot(client: ConnectingClient, listener: (error: Error) => void): void {
  client.on('connect', () => {
    client.stream.once('data', (bytes) => {
      const [line = ''] = bytes.toString('latin1', 0, 200).split('\r\n', 1);
      const error = new Error(line.slice(1));
      if (line.startsWith('-') && faultKindOf(error) === 'full') listener(error);
    });
  });
}
