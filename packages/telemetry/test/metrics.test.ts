import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMetrics } from '@holdfast/telemetry';
import type { Metrics } from '@holdfast/telemetry';
import { publish } from './publish.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = createMetrics({ service: 'api', version: '1.2.3', mode: 'redis' });
});
afterEach(() => metrics.close());

/** The lines of one metric that hold values. */
async function samples(name: string): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
}

describe('the metrics of a process', () => {
  it('say what runs, and how the process is', async () => {
    expect(await samples('holdfast_build_info')).toEqual([
      `holdfast_build_info{service="api",version="1.2.3",node="${process.version}",mode="redis"} 1`,
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
    publish('holdfast:redis:availability', { engine: 'ioredis', connection: 'cache', available: true });
    expect(await samples('holdfast_redis_up')).toEqual([]);
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

  it('counts what came of the requests of each route, from 0 on, so that the first that fails is an increase', async () => {
    const name = 'holdfast_http_requests_total';
    const route = '/v1/cache/:ns/:key';
    const of = async (outcome: string): Promise<string[]> => samples(`${name}{route="${route}",outcome="${outcome}"}`);
    expect(await of('failed')).toEqual([]);
    metrics.httpServes(route);
    expect(await of('failed')).toEqual([`${name}{route="${route}",outcome="failed"} 0`]);
    for (const status of [200, 404, 429, 499, 500, 503, 507]) metrics.http(route, 'GET', status, 0.1);
    expect(await of('answered')).toEqual([`${name}{route="${route}",outcome="answered"} 3`]);
    expect(await of('left')).toEqual([`${name}{route="${route}",outcome="left"} 1`]);
    expect(await of('failed')).toEqual([`${name}{route="${route}",outcome="failed"} 3`]);
    // Counted once, however often it is scraped.
    metrics.http(route, 'GET', 500, 0.1);
    expect(await of('failed')).toEqual([`${name}{route="${route}",outcome="failed"} 4`]);
    expect(await samples(`${name}{route="unmatched",outcome="failed"}`)).toHaveLength(1);
  });

  it('knows the requests in flight', async () => {
    metrics.httpInFlight(1);
    metrics.httpInFlight(1);
    metrics.httpInFlight(-1);
    expect(await samples('holdfast_http_requests_in_flight')).toEqual(['holdfast_http_requests_in_flight 1']);
  });
});

describe('Redis', () => {
  it('is measured in base units', async () => {
    const redis = { engine: 'ioredis', connection: 'cache' };
    publish('holdfast:redis:command', { ...redis, command: 'get', commands: 1, durationMs: 2, outcome: 'ok' });
    publish('holdfast:redis:availability', { ...redis, available: true });
    publish('holdfast:redis:pipeline', {
      connection: 'cache',
      operations: 100,
      commands: 2,
      saved: 98,
      failed: 0,
      durationMs: 5,
    });
    const text = await metrics.text();
    for (const line of [
      'holdfast_redis_commands_total{connection="cache",command="get",outcome="ok"} 1',
      'holdfast_redis_command_duration_seconds_sum{connection="cache",command="get"} 0.002',
      'holdfast_redis_up{connection="cache"} 1',
      'holdfast_redis_commands_saved_total{connection="cache"} 98',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('shows what has not happened yet as 0: of a connection from its start, of a command from its first on', async () => {
    metrics.redisUp('cache', { available: false, breaker: 'open', fault: 'password-refused' });
    const redis = { engine: 'ioredis', connection: 'cache', command: 'get', commands: 1, durationMs: 2 };
    publish('holdfast:redis:command', { ...redis, outcome: 'ok' });
    const lines = (await metrics.text()).split('\n');
    for (const line of [
      'holdfast_redis_up{connection="cache"} 0',
      'holdfast_redis_access_refused{connection="cache"} 1',
      'holdfast_redis_breaker_state{connection="cache",state="closed"} 0',
      'holdfast_redis_breaker_state{connection="cache",state="open"} 1',
      'holdfast_redis_commands_saved_total{connection="cache"} 0',
      'holdfast_redis_commands_total{connection="cache",command="get",outcome="ok"} 1',
      'holdfast_redis_commands_total{connection="cache",command="get",outcome="error"} 0',
      'holdfast_redis_commands_total{connection="cache",command="get",outcome="unavailable"} 0',
      'holdfast_redis_commands_total{connection="cache",command="get",outcome="unknown"} 0',
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('says which masters of a cluster are away, are back, and have been replaced', async () => {
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

  it('cannot make labels without bound', async () => {
    for (let index = 0; index < 500; index += 1) {
      const redis = { engine: 'ioredis', connection: 'cache', commands: 1, durationMs: 1, outcome: 'ok' } as const;
      publish('holdfast:redis:command', { ...redis, command: `foo${index}` });
      publish('holdfast:redis:command', { ...redis, command: `script:s${index}` });
    }
    const commands = await samples('holdfast_redis_commands_total');
    // 100 scripts with each of four outcomes, and all others.
    expect(commands).toHaveLength(401);
    expect(commands).toContain('holdfast_redis_commands_total{connection="cache",command="other",outcome="ok"} 900');
  });
});
