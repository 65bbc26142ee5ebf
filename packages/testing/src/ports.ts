import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** A loopback port that was free a moment ago. Another process may take it first: retry where that would matter. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return address.port;
}

/** So many different free ports: all are held until the last is found. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
    return address.port;
  });
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/**
 * A loopback port on which nothing listens, so that connecting is refused. Taken from the lowest ports: the system never
 * hands these out, so no server of another test can appear there meanwhile.
 */
export async function closedPort(): Promise<number> {
  for (let port = 1; port < 64; port += 1) {
    if (await isRefused(port)) return port;
  }
  throw new Error('Something listens on each of the ports 1 to 63 of 127.0.0.1.');
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  const outcome = Promise.withResolvers<boolean>();
  socket.once('connect', () => outcome.resolve(false));
  socket.once('error', (error: NodeJS.ErrnoException) => outcome.resolve(error.code === 'ECONNREFUSED'));
  try {
    return await outcome.promise;
  } finally {
    socket.destroy();
  }
}
