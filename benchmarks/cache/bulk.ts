import { parseArgs } from 'node:util';
import { startRedis } from '@holdfast/testing';
import { print, takeTurns } from './measure.ts';
import { openPeers, type Peer } from './open.ts';
import { valueOf } from './value.ts';

/** How long do 10,000 keys take in one call: written, read, deleted? */
const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '7' } } });
const COUNT = 10_000;
const server = await startRedis();
const entries = Array.from({ length: COUNT }, (_, index) => [`k${index}`, valueOf(index)] as const);
const keys = entries.map(([key]) => key);

const questions: readonly [name: string, act: (peer: Peer) => Promise<unknown>][] = [
  ['set', (peer) => peer.setMany(entries)],
  ['get', (peer) => peer.getMany(keys)],
  ['delete', (peer) => peer.deleteMany(keys)],
];
// Without L1, or reading would not ask Redis.
const peers = await openPeers({ host: server.host, port: server.port, l1: false });
for (const [name, act] of questions) {
  for (const peer of peers) await peer.setMany(entries);
  const measured = await takeTurns(
    peers.map((peer) => ({ name: peer.name, act: () => act(peer) })),
    { rounds: Number(options.rounds), ms: 1, callers: 1 },
  );
  print(`${name} of ${COUNT} keys in one call`, measured, 'calls per second');
}
await Promise.all(peers.map((peer) => peer.close()));
await server.stop();
