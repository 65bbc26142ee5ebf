import { startRedis } from '@holdfast/testing';
import { openPeers } from './open.ts';
import { valueOf } from './value.ts';

/**
 * What does an entry of about 230 bytes of JSON cost, in the process and in Redis? Run with `--expose-gc`. The process:
 * the growth of its heap and of its buffers while entries are read into L1. Redis: the median MEMORY USAGE.
 */
const COUNT = 20_000;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('Run this with --expose-gc.');

async function used(): Promise<number> {
  for (let round = 0; round < 4; round += 1) {
    collect?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const server = await startRedis();
const peers = await openPeers({ host: server.host, port: server.port, l1: true });
console.log(`\nof ${JSON.stringify(valueOf(0)).length} bytes of JSON, ${COUNT} entries\n`);
console.log('| | bytes in the process | bytes in Redis |\n|---|---:|---:|');
for (const peer of peers) {
  await server.command('FLUSHALL');
  const before = await used();
  for (let index = 0; index < COUNT; index += 1) await peer.set(`key-${index}`, valueOf(index));
  for (let index = 0; index < COUNT; index += 1) await peer.get(`key-${index}`);
  const after = await used();
  const [, sample] = (await server.command('SCAN', '0', 'COUNT', '100')) as [string, string[]];
  const sizes = await Promise.all(sample.map(async (key) => Number(await server.command('MEMORY', 'USAGE', key))));
  const median = sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 0;
  const l1 = peer.name === 'plain ioredis' ? '–' : Math.round((after - before) / COUNT).toString();
  console.log(`| ${peer.name} | ${l1} | ${median} |`);
}
await Promise.all(peers.map((peer) => peer.close()));
await server.stop();
