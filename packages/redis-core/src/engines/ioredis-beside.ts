import { connect, isIP } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { Redis } from 'ioredis';

/**
 * Asks the server of a connection whether it is alive, on another connection, made for the one question. Whatever comes back
 * says so, also that it wants a password first, or takes no more clients; so nothing that is secret is sent.
 * @throws Error when nothing comes back in time, or there is nobody
 */
export function askBeside(client: Redis, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const { remoteAddress: host, remotePort: port } = client.stream;
    if (host === undefined || port === undefined) {
      reject(new Error('There is no connection whose server could be asked.'));
      return;
    }
    const { tls } = client.options;
    const socket = tls === undefined ? connect({ host, port }) : connectTls({ ...asTls(tls, client), host, port });
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
    };
    const timer = setTimeout(() => {
      end();
      reject(new Error(`${host}:${port} did not answer within ${deadlineMs} ms.`));
    }, deadlineMs).unref();
    socket.unref();
    socket.once('data', () => {
      end();
      resolve();
    });
    socket.on('error', () => undefined); // `close` follows.
    socket.once('close', () => {
      end();
      reject(new Error(`${host}:${port} did not answer.`));
    });
    socket.write('PING\r\n');
  });
}

/** The certificate is for the name that was connected to, and not for the address that it led to. */
function asTls(tls: ConnectionOptions, { options }: Redis): ConnectionOptions {
  const isNamed = options.sentinels === undefined && options.host !== undefined && isIP(options.host) === 0;
  return isNamed ? { servername: options.host, ...tls } : tls;
}
