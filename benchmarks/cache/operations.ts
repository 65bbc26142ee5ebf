import { parseArgs } from 'node:util';
import { startRedis } from '@holdfast/testing';
import { takeTurns, print } from './measure.ts';
import { openPeers, type Peer } from './open.ts';
import { valueOf } from './value.ts';

/**
 * How many single operations a second does the cache do for 64 concurrent callers: a hit in the process, a hit in Redis,
 * a write, a load on a miss?
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    ms: { type: 'string', default: '500' },
    callers: { type: 'string', default: '64' },
    only: { type: 'string', default: '' },
  },
});
const turns = { rounds: Number(options.rounds), ms: Number(options.ms), callers: Number(options.callers) };
const KEYS = 1000;
const server = await startRedis();

let turn = 0;
const nextKey = (): string => `k${(turn = (turn + 1) % KEYS)}`;
let unique = 0;

const questions: readonly [name: string, l1: boolean, act: (peer: Peer) => () => Promise<unknown>][] = [
  ['L1 hit', true, (peer) => () => peer.get(nextKey())],
  ['L2 hit', false, (peer) => () => peer.get(nextKey())],
  ['set', true, (peer) => () => peer.set(nextKey(), valueOf(turn))],
  ['getOrSet, miss', true, (peer) => () => peer.getOrSet(`u${(unique += 1)}`, () => Promise.resolve(valueOf(unique)))],
];
for (const [name, l1, act] of questions) {
  if (!name.includes(options.only)) continue;
  await server.command('FLUSHALL');
  const peers = await openPeers({ host: server.host, port: server.port, l1 });
  for (const peer of peers) {
    for (let index = 0; index < KEYS; index += 1) await peer.set(`k${index}`, valueOf(index));
    for (let index = 0; index < KEYS; index += 1) await peer.get(`k${index}`);
  }
  // Nobody has both tiers without a library: the plain client has Redis only.
  const asked = name === 'L1 hit' ? peers.filter((peer) => peer.name !== 'plain ioredis') : peers;
  const measured = await takeTurns(
    asked.map((peer) => ({ name: peer.name, act: act(peer) })),
    turns,
  );
  print(`${name}, ${turns.callers} callers`, measured, 'per second');
  await Promise.all(peers.map((peer) => peer.close()));
}
await server.stop();
