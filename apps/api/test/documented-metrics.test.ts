import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '@holdfast/config';
import { configParts, type HoldfastConfig, measureWorker, modules } from '@holdfast/modules';
import { createRuntime, measureModules, type Runtime } from '@holdfast/runtime';
import { createLogger, createMetrics, type Metrics } from '@holdfast/telemetry';
import { eventually, uniquePrefix, useRedis } from '@holdfast/testing';
import { describe, expect, it } from 'vitest';
import { buildApp } from '../src/app.ts';
import { publishEverything } from './metric-events.ts';

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

interface Process {
  readonly config: HoldfastConfig;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
}

/** A process that has all modules, and nothing on top of them yet. */
async function withModules<Result>(usesFallback: boolean, use: (parts: Process) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-metrics-'));
  const env = { REDIS_URL: useRedis().url, REDIS_KEY_PREFIX: uniquePrefix('metrics'), HOLDFAST_DATA_DIR: directory };
  const config = loadConfig({ cwd: directory, env, parts: configParts(modules) });
  const metrics = createMetrics({ service: 'api' });
  const readParts = measureModules(modules, metrics);
  const runtime = await createRuntime(config, { modules, usesFallback });
  try {
    readParts(runtime);
    return await use({ config, runtime, metrics });
  } finally {
    metrics.close();
    await runtime.close();
    await rm(directory, { recursive: true });
  }
}

/** What an API with a worker in it exposes once everything has happened. */
async function everything({ config, runtime, metrics }: Process): Promise<string[]> {
  const logger = createLogger({ service: 'api', level: 'silent' });
  const app = await buildApp({ config, runtime, metrics, logger });
  try {
    const worker = {
      status: () => ({ 'source-sync': { running: true, active: 1, slots: 1 } }),
      stuck: () => [],
      maxActiveJobs: 20,
    };
    measureWorker(worker, metrics.instruments('worker'));
    publishEverything();
    metrics.http('/health', 'GET', 200, 0.1);
    await eventually(async () => expect(await metrics.text()).toMatch(/^holdfast_queue_workers\{/m));
    metrics.instruments('a broken part').onScrape(() => Promise.reject(new Error('away')));
    return (await metrics.text()).split('\n');
  } finally {
    await app.close();
  }
}

/** Name, type, and the labels of the samples. */
async function exposed(): Promise<Map<string, Entry>> {
  const lines = await withModules(true, everything);
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

describe('/metrics', () => {
  it('shows what may happen to a namespace, a queue, a source as 0 from the start', async () => {
    const text = await withModules(true, ({ metrics }) => metrics.text());
    for (const line of [
      'holdfast_cache_operations_total{namespace="prompts",operation="get",outcome="miss",layer="l2"} 0',
      'holdfast_cache_operations_total{namespace="prompts",operation="get",outcome="hit",layer="l1"} 0',
      'holdfast_jobs_total{queue="source-sync",event="crashed"} 0',
      'holdfast_queue_errors_total{queue="source-sync",part="producer"} 0',
      'holdfast_outbox_jobs_total{queue="source-sync",event="refused"} 0',
      'holdfast_source_syncs_total{source="instances",outcome="failed"} 0',
      'holdfast_source_sync_items_total{source="instances",change="deleted"} 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('has nothing of what a process does not have: an API no worker, a worker no fallback', async () => {
    const text = await withModules(false, ({ metrics }) => metrics.text());
    expect(text).toContain('# TYPE holdfast_outbox_jobs_total counter');
    for (const name of ['holdfast_worker_consuming', 'holdfast_cache_standing_in', 'holdfast_outbox_jobs']) {
      expect(text).not.toMatch(new RegExp(`${name}\\b`));
    }
  });
});
