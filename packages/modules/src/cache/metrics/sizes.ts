import type { CacheRegistry } from '@holdfast/cache';
import { type BoundedLabel, type Instruments, onceEvery } from '@holdfast/telemetry';

/** A size is counted with some commands, which cost money here and there. */
const sizesEveryMs = 5 * 60_000;

export type MeasuredCaches = Pick<CacheRegistry, 'names' | 'l1' | 'maxEntriesOf' | 'glanceAtSizes'>;

/** What the namespaces hold, in Redis and in this process, and what they may. */
export function measureSizes(caches: MeasuredCaches, namespace: BoundedLabel, instruments: Instruments): void {
  const { l1 } = caches;
  // A process that keeps nothing exposes nothing of it.
  if (l1.maxBytes > 0) {
    const bytes = instruments.gauge({
      name: 'holdfast_cache_l1_bytes',
      help: 'What this process keeps of entries in its memory.',
    });
    const maxBytes = instruments.gauge({
      name: 'holdfast_cache_l1_max_bytes',
      help: 'What it may keep there.',
    });
    maxBytes.set(l1.maxBytes);
    instruments.onScrape(() => bytes.set(l1.bytes));
  }
  const maxEntries = instruments.gauge({
    name: 'holdfast_cache_max_entries',
    help: 'How many entries a namespace may have, where it has a bound.',
    labels: { namespace },
  });
  for (const name of caches.names()) {
    const bound = caches.maxEntriesOf(name);
    if (bound !== undefined) maxEntries.set(bound, { namespace: name });
  }
  const entries = instruments.gauge({
    name: 'holdfast_cache_entries',
    help: 'How many entries a namespace has in Redis, as counted or estimated once in a while.',
    labels: { namespace },
    isReadAtScrape: true,
  });
  const sizes = onceEvery(sizesEveryMs, async () => caches.glanceAtSizes(sizesEveryMs));
  instruments.onScrape(async () => {
    for (const [name, size] of await sizes()) entries.set(size.entries, { namespace: name });
  });
}
