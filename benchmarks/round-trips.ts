import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface RoundTripCounter {
  readonly url: string;
  /** Since the start or the last `reset`. */
  count(): number;
  reset(): void;
  close(): Promise<void>;
}

/**
 * A proxy before a Redis that counts how often a client had to wait: a round trip begins when the client writes and
 * nothing of its is under way. Commands that leave while others are not answered yet share a trip.
 */
export async function countRoundTrips(target: {
  readonly host: string;
  readonly port: number;
}): Promise<RoundTripCounter> {
  let trips = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const redis = connect(target);
    let isUnderWay = false;
    client.on('data', (chunk) => {
      if (!isUnderWay) trips += 1;
      isUnderWay = true;
      redis.write(chunk);
    });
    redis.on('data', (chunk) => {
      isUnderWay = false;
      client.write(chunk);
    });
    for (const [socket, other] of [
      [client, redis],
      [redis, client],
    ] as const) {
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    count: () => trips,
    reset() {
      trips = 0;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}
