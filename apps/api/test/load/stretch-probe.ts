/**
 * Loaded before a process (`--import`). On SIGUSR2 it tells how much processor time its thread has used in one turn of the event
 * loop, at most, and how large the process was, at most: both since the last time. Then it begins to watch, or ends to.
 */
import { readFileSync, writeFileSync } from 'node:fs';

let told = 0;
let longestMs = 0;
let before = process.threadCpuUsage();
let isWatching = false;

function turn(): void {
  const { user, system } = process.threadCpuUsage(before);
  before = process.threadCpuUsage();
  longestMs = Math.max(longestMs, (user + system) / 1000);
  if (isWatching) setImmediate(turn);
}

/** In bytes. */
function memory(field: 'VmRSS' | 'VmHWM'): number {
  const kiB = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Number(kiB) * 1024;
}

process.on('SIGUSR2', () => {
  if (isWatching) turn();
  told += 1;
  process.stdout.write(`${JSON.stringify({ told, longestMs, largest: memory('VmHWM'), now: memory('VmRSS') })}\n`);
  // What is largest from now on (proc(5)).
  writeFileSync('/proc/self/clear_refs', '5');
  isWatching = !isWatching;
  longestMs = 0;
  before = process.threadCpuUsage();
  if (isWatching) setImmediate(turn);
});
