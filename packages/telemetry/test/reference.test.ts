import { readFileSync } from 'node:fs';
import { platform } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '@holdfast/telemetry';
import { publishEverything } from './events.ts';

interface Entry {
  readonly type: string;
  readonly labels: string;
}

/** The rows of docs/reference/metrics.md: name, type, labels. */
function documented(): Map<string, Entry> {
  const page = readFileSync(new URL('../../../docs/reference/metrics.md', import.meta.url), 'utf8');
  const rows = page.matchAll(/^\| `([a-z0-9_]+)` \| (\w+) \| ([^|]*) \|/gm);
  return new Map(
    [...rows].map(([, name = '', type = '', cell = '']) => {
      const labels = [...cell.matchAll(/`(\w+)`/g)].map(([, label = '']) => label);
      return [name, { type, labels: sorted(labels).join() }];
    }),
  );
}

function sorted(texts: Iterable<string>): string[] {
  return [...texts].sort((left, right) => (left < right ? -1 : 1));
}

/** What a process exposes once everything has happened: name, type, and the labels of its samples. */
async function exposed(): Promise<Map<string, Entry>> {
  const metrics = createMetrics({ service: 'api' });
  publishEverything();
  metrics.http('/health', 'GET', 200, 0.1);
  const reading = { counts: {}, oldestWaitingAgeMs: 0, workers: 0 };
  metrics.onScrape(() => metrics.queue('source-sync', reading));
  metrics.onScrape(() => metrics.batches({ activeBatches: 1, totalQueuedJobs: 3 }));
  metrics.onScrape(() => metrics.worker('source-sync', { consuming: true, active: 1 }));
  metrics.onScrape(() => metrics.standIn({ isAway: false, pendingInvalidations: 0 }));
  const outbox = { waiting: 1, setAside: 0, bytes: 400, maxBytes: 1000, oldestAgeMs: 5000, accepting: true };
  metrics.onScrape(() => metrics.outbox(outbox));
  metrics.onScrape(() => Promise.reject(new Error('away')));
  const lines = (await metrics.text()).split('\n');
  metrics.close();
  const found = new Map<string, Entry>();
  for (const [, name = '', type = ''] of lines.map((line) => /^# TYPE (\w+) (\w+)$/.exec(line) ?? [])) {
    if (name === '') continue;
    const own = lines.filter((line) => new RegExp(`^${name}(_bucket|_sum|_count)?[{ ]`).test(line));
    const labels = new Set(own.flatMap((line) => [...line.matchAll(/[{,](\w+)="/g)].map(([, label = '']) => label)));
    if (type === 'histogram') labels.delete('le');
    found.set(name, { type, labels: sorted(labels).join() });
  }
  return found;
}

/** Some figures of the process come from /proc. */
function isPortable(name: string): boolean {
  return platform() === 'linux' || !name.startsWith('process_');
}

describe('docs/reference/metrics.md', () => {
  it('lists every metric with its type and labels, and none that does not exist', async () => {
    const page = documented();
    const actual = await exposed();
    expect(sorted(page.keys()).filter(isPortable)).toEqual(sorted(actual.keys()).filter(isPortable));
    for (const [name, entry] of actual) {
      // No sample yet means no labels to compare (garbage collections, rejected events).
      const expected = entry.labels === '' ? { ...entry, labels: page.get(name)?.labels } : entry;
      expect(page.get(name), name).toEqual(expected);
    }
  });
});
