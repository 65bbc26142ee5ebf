import { createEngine } from '@holdfast/redis-core';
import { PlainRedis, startRedis } from '@holdfast/testing';

/** After a write by somebody else, how long does it take until a process that holds the key hears of it? */
const server = await startRedis();
const engine = createEngine({ name: 'delay', target: { kind: 'standalone', host: server.host, port: server.port } });
const writer = await PlainRedis.connect(server.url);

let heard = Promise.withResolvers<void>();
engine.onInvalidate((keys) => {
  if (keys !== null) heard.resolve();
});
// Tracking is armed in the background.
while (engine.trackingEpoch === 0) await engine.time();

const fromSend: number[] = [];
const fromReply: number[] = [];
for (let round = 0; round < 5000; round += 1) {
  await engine.mget(['key']);
  heard = Promise.withResolvers();
  const sentAt = performance.now();
  const replied = writer.send('SET', 'key', String(round)).then(() => performance.now());
  await heard.promise;
  const heardAt = performance.now();
  fromSend.push(heardAt - sentAt);
  // The reply to the writer may come later than the invalidation: then nobody could have known of the write before.
  fromReply.push(Math.max(0, heardAt - (await replied)));
}
console.log('| invalidation heard after | p50 | p90 | p99 | most |\n|---|---:|---:|---:|---:|');
print('the write was sent', fromSend);
print('the writer had its reply', fromReply);
writer.close();
await engine.close();
await server.stop();

function print(title: string, values: readonly number[]): void {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): string => `${(sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(2)} ms`;
  console.log(`| ${title} | ${at(0.5)} | ${at(0.9)} | ${at(0.99)} | ${at(1)} |`);
}
