/** By hand: `node --conditions=@holdfast/source test/history/run.ts [--full] [seconds] [seed] [mutation]`. */
import { check } from './checker.ts';
import { makeHistory } from './driver.ts';

const isFull = process.argv[2] === '--full';
const [seconds = '60', seed = String(Date.now() % 100_000), mutation] = process.argv.slice(isFull ? 3 : 2);
const events = await makeHistory({
  seconds: Number(seconds),
  seed: Number(seed),
  isFull,
  ...(mutation === undefined ? {} : { mutation }),
});
const { violations, reads, changes, loads, delays } = check(events, { deliveryMs: isFull ? 500 : 50, evicts: isFull });
for (const { rule, because, read, timeline } of violations.slice(0, 5)) {
  console.log(`\n${rule}: ${read.process} ${read.how} ${read.key}: ${because}\n${timeline()}`);
}
const at = (share: number): string => (delays[Math.floor(delays.length * share)] ?? 0).toFixed(1);
console.log(`\nseed ${seed}: ${reads} reads, ${changes} changes, ${loads} loads, ${violations.length} violations`);
console.log(
  `old values served by others: ${delays.length}; for p50 ${at(0.5)}, p99 ${at(0.99)}, at most ${at(0.9999)} ms`,
);
process.exit(violations.length > 0 ? 1 : 0);
