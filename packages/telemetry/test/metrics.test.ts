import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMetrics } from '@holdfast/telemetry';
import type { Metrics } from '@holdfast/telemetry';
import { publish, publishEverything } from './events.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics({ service: 'api', version: '1.2.3', scrapeDeadlineMs: 50 });
});
afterEach(() => metrics.close());

/** The lines of one metric that hold values. */
async function samples(name: string): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
}

describe('the metrics of a process', () => {
  it('say what runs, and how the process is', async () => {
    expect(await samples('holdfast_build_info')).toEqual([
      `holdfast_build_info{service="api",version="1.2.3",node="${process.version}"} 1`,
    ]);
    expect(await samples('process_resident_memory_bytes')).toHaveLength(1);
    expect(metrics.contentType).toMatch(/^text\/plain/);
  });

  it('are its own: a second set counts apart', async () => {
    const second = createMetrics({ service: 'worker' });
    metrics.http('/x', 'GET', 200, 0.1);
    expect(await second.text()).not.toContain('route="/x"');
    second.close();
  });

  it('stop to count when closed', async () => {
    metrics.close();
    publishEverything();
    expect(await samples('holdfast_cache_operations_total')).toEqual([]);
  });
});

describe('HTTP', () => {
  it('is measured by route template, method and status', async () => {
    metrics.http('/v1/cache/:ns/:key', 'GET', 200, 0.004);
    const name = 'holdfast_http_request_duration_seconds';
    const labels = 'method="GET",route="/v1/cache/:ns/:key",status="200"';
    const lines = await samples(name);
    expect(lines).toContain(`${name}_sum{${labels}} 0.004`);
    expect(lines).toContain(`${name}_bucket{le="0.005",${labels}} 1`);
  });

  it('has no label from what a caller sends', async () => {
    metrics.http(undefined, 'BREW', 999, 0.1);
    expect(await samples('holdfast_http_request_duration_seconds_count')).toEqual([
      'holdfast_http_request_duration_seconds_count{method="other",route="unmatched",status="other"} 1',
    ]);
  });

  it('knows the requests in flight', async () => {
    metrics.httpInFlight(1);
    metrics.httpInFlight(1);
    metrics.httpInFlight(-1);
    expect(await samples('holdfast_http_requests_in_flight')).toEqual(['holdfast_http_requests_in_flight 1']);
  });
});

describe('the channels of the libraries', () => {
  it('become metrics in base units', async () => {
    publishEverything();
    const text = await metrics.text();
    for (const line of [
      'holdfast_redis_commands_total{connection="cache",command="get",outcome="ok"} 1',
      'holdfast_redis_command_duration_seconds_sum{connection="cache",command="get"} 0.002',
      'holdfast_redis_up{connection="cache"} 1',
      'holdfast_redis_commands_saved_total{connection="cache"} 98',
      'holdfast_redis_master_up{connection="cache",node="10.0.0.7:6379"} 0',
      'holdfast_cache_operations_total{namespace="products",operation="get",outcome="hit",layer="l2"} 3',
      'holdfast_jobs_total{queue="source-sync",event="completed"} 1',
      'holdfast_job_wait_seconds_sum{queue="source-sync"} 0.04',
      'holdfast_job_duration_seconds_sum{queue="source-sync",outcome="completed"} 1.5',
      'holdfast_queue_errors_total{queue="source-sync",part="consumer"} 1',
      'holdfast_queue_store_up 1',
      'holdfast_source_syncs_total{source="instances",outcome="ok"} 1',
      'holdfast_source_sync_duration_seconds_sum{source="instances",outcome="ok"} 2.5',
      'holdfast_source_sync_items_total{source="instances",change="deleted"} 2',
      'holdfast_source_items{source="instances"} 500',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('keep the last success and the items through a failed sync', async () => {
    publishEverything();
    const before = await samples('holdfast_source_sync_last_success_timestamp_seconds');
    const counts = { fetched: 100, updated: 0, unchanged: 0, deleted: 0 };
    const failed = { outcome: 'failed', durationMs: 10, code: 'UPSTREAM_FAILED', ...counts } as const;
    publish('holdfast:sources:sync', { source: 'instances', ...failed });
    expect(await samples('holdfast_source_items')).toEqual(['holdfast_source_items{source="instances"} 500']);
    expect(await samples('holdfast_source_sync_last_success_timestamp_seconds')).toEqual(before);
  });

  it('say which masters of a cluster are away, are back, and have been replaced', async () => {
    const name = 'holdfast_redis_master_up';
    const master = { connection: 'durable', node: '10.0.0.8:6379' };
    publish('holdfast:redis:node', { ...master, available: false });
    expect(await samples(name)).toEqual([`${name}{connection="durable",node="10.0.0.8:6379"} 0`]);
    publish('holdfast:redis:node', { ...master, available: true });
    expect(await samples(name)).toEqual([`${name}{connection="durable",node="10.0.0.8:6379"} 1`]);
    publish('holdfast:redis:node', { ...master, available: false });
    publish('holdfast:redis:node', { ...master, available: false, hasLeft: true });
    // A zero that nobody would ever turn into a one again would wake somebody up for ever.
    expect(await samples(name)).toEqual([]);
  });

  it('tell how many jobs a call of the store added, so that the average can be had', async () => {
    for (const jobs of [1, 50, 9]) publish('holdfast:queue:batch', { queue: 'http-delivery', jobs });
    const name = 'holdfast_queue_batch_jobs';
    const lines = await samples(name);
    expect(lines).toContain(`${name}_sum{queue="http-delivery"} 60`);
    expect(lines).toContain(`${name}_count{queue="http-delivery"} 3`);
    expect(lines).toContain(`${name}_bucket{le="10",queue="http-delivery"} 2`);
  });

  it('cannot make labels without bound', async () => {
    for (let index = 0; index < 500; index += 1) {
      const redis = { engine: 'ioredis', connection: 'cache', commands: 1, durationMs: 1, outcome: 'ok' } as const;
      publish('holdfast:redis:command', { ...redis, command: `foo${index}` });
      publish('holdfast:redis:command', { ...redis, command: `script:s${index}` });
      publish('holdfast:cache:operation', {
        namespace: `n${index}`,
        operation: 'get',
        outcome: 'hit',
        layer: 'l2',
        count: 1,
      });
    }
    const commands = await samples('holdfast_redis_commands_total');
    expect(commands).toHaveLength(101);
    expect(commands).toContain('holdfast_redis_commands_total{connection="cache",command="other",outcome="ok"} 900');
    expect(await samples('holdfast_cache_operations_total')).toHaveLength(301);
  });

  it('cannot take the process down with a malformed event', async () => {
    publish('holdfast:sources:sync', null as never);
    publish('holdfast:cache:operation', { namespace: 'n', count: Number.NaN } as never);
    const name = 'holdfast_telemetry_rejected_events_total';
    expect(await samples(name)).toContain(`${name}{channel="holdfast:sources:sync"} 1`);
  });
});

describe('a scrape', () => {
  const reading = {
    counts: { waiting: 2, prioritized: 3, active: 1, failed: 4 },
    oldestWaitingAgeMs: 1500,
    workers: 2,
  };

  it('reads the queues through a hook', async () => {
    metrics.onScrape(async () => metrics.queue('source-sync', reading));
    const text = (await metrics.text()).split('\n');
    for (const line of [
      'holdfast_queue_jobs{queue="source-sync",state="waiting"} 2',
      'holdfast_queue_jobs{queue="source-sync",state="failed"} 4',
      'holdfast_queue_backlog{queue="source-sync"} 5',
      'holdfast_queue_oldest_waiting_age_seconds{queue="source-sync"} 1.5',
      'holdfast_queue_workers{queue="source-sync"} 2',
      'holdfast_queue_paused{queue="source-sync"} 0',
      'holdfast_queue_dead_letters{queue="source-sync"} 4',
    ]) {
      expect(text).toContain(line);
    }
  });

  it('reads through hooks what this process is at', async () => {
    metrics.onScrape(() => metrics.batches({ activeBatches: 2, totalQueuedJobs: 31 }));
    metrics.onScrape(() => metrics.worker('source-sync', { consuming: false, active: 3 }));
    metrics.onScrape(() => metrics.standIn({ isAway: true, pendingInvalidations: 7 }));
    const text = (await metrics.text()).split('\n');
    for (const line of [
      'holdfast_queue_batches_open 2',
      'holdfast_queue_adds_unanswered 31',
      'holdfast_worker_consuming{queue="source-sync"} 0',
      'holdfast_worker_active_jobs{queue="source-sync"} 3',
      'holdfast_cache_standing_in 1',
      'holdfast_cache_invalidations_waiting 7',
    ]) {
      expect(text).toContain(line);
    }
  });

  it('exposes nothing of what a process does not have: an API has no worker, a worker no memory of its own', async () => {
    const text = await metrics.text();
    for (const name of ['holdfast_worker_consuming', 'holdfast_cache_standing_in', 'holdfast_outbox_jobs ']) {
      expect(text).not.toContain(name);
    }
  });

  it('shows what has not happened yet as 0, so that the first time is an increase', async () => {
    metrics.onScrape(() => metrics.queue('source-sync', reading));
    const name = 'holdfast_jobs_total';
    expect(await samples(name)).toContain(`${name}{queue="source-sync",event="crashed"} 0`);
    publish('holdfast:queue:job', { queue: 'source-sync', event: 'crashed' });
    await metrics.text();
    expect(await samples(name)).toContain(`${name}{queue="source-sync",event="crashed"} 1`);
  });

  it('shows no age of a queue that is paused: nothing of it could run', async () => {
    metrics.onScrape(() => metrics.queue('source-sync', { ...reading, paused: true }));
    expect(await samples('holdfast_queue_paused')).toEqual(['holdfast_queue_paused{queue="source-sync"} 1']);
    expect(await samples('holdfast_queue_oldest_waiting_age_seconds')).toEqual([
      'holdfast_queue_oldest_waiting_age_seconds{queue="source-sync"} 0',
    ]);
  });

  it('shows no figure that it could not read now', async () => {
    let healthy = true;
    metrics.onScrape(() => {
      if (!healthy) throw new Error('Redis is away');
      metrics.queue('source-sync', reading);
    });
    expect(await samples('holdfast_queue_backlog')).toHaveLength(1);
    healthy = false;
    expect(await samples('holdfast_queue_backlog')).toEqual([]);
    expect(await samples('holdfast_scrape_collector_failures_total')).toEqual([
      'holdfast_scrape_collector_failures_total 2',
    ]);
  });

  it('is not held up by a hook that hangs, nor starts it a second time', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let runs = 0;
    metrics.onScrape(async () => {
      runs += 1;
      await promise;
    });
    metrics.onScrape(() => metrics.queue('http-delivery', reading));
    expect(await samples('holdfast_queue_backlog')).toHaveLength(1);
    await metrics.text();
    expect(runs).toBe(1);
    expect(await samples('holdfast_scrape_collector_failures_total')).toEqual([
      'holdfast_scrape_collector_failures_total 3',
    ]);
    resolve();
  });

  it('is shared by those that come at the same time', async () => {
    let runs = 0;
    const end = metrics.onScrape(() => {
      runs += 1;
      metrics.queue('source-sync', reading);
    });
    const [first, second] = await Promise.all([metrics.text(), metrics.text()]);
    expect(runs).toBe(1);
    expect(first).toBe(second);
    end();
    await metrics.text();
    expect(runs).toBe(1);
  });
});
