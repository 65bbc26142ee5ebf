import { channel } from 'node:diagnostics_channel';
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest';
import { BoundedLabel, createMetrics } from '@holdfast/telemetry';
import type { Counter, Instruments, Metrics } from '@holdfast/telemetry';

let metrics: Metrics;
let toys: Instruments;
beforeEach(() => {
  metrics = createMetrics({ service: 'api', scrapeDeadlineMs: 50 });
  toys = metrics.instruments('toys');
});
afterEach(() => metrics.close());

/** What `/metrics` says of one metric, its values only. */
async function samples(name: string): Promise<string[]> {
  return (await metrics.text()).split('\n').filter((line) => line.startsWith(name));
}

const help = 'Toys.';

describe('a counter, a gauge and a histogram', () => {
  it('show their help, their type and what was counted', async () => {
    toys.counter({ name: 'toys_made_total', help, labels: { kind: ['bear'] } }).add(3, { kind: 'bear' });
    toys.gauge({ name: 'toys_in_stock', help }).set(7);
    const weight = toys.histogram({ name: 'toys_weight_grams', help, buckets: [10, 100], labels: { kind: ['bear'] } });
    weight.observe(20, { kind: 'bear' });
    const text = await metrics.text();
    for (const part of [
      '# HELP toys_made_total Toys.\n# TYPE toys_made_total counter\ntoys_made_total{kind="bear"} 3\n',
      '# HELP toys_in_stock Toys.\n# TYPE toys_in_stock gauge\ntoys_in_stock 7\n',
      'toys_weight_grams_bucket{le="10",kind="bear"} 0\ntoys_weight_grams_bucket{le="100",kind="bear"} 1\n',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('are refused under a name that is taken, with both who declared it', () => {
    toys.gauge({ name: 'toys_in_stock', help });
    const other = metrics.instruments('games');
    expect(() => other.counter({ name: 'toys_in_stock', help })).toThrow(/toys_in_stock.*"toys".*"games"/);
    expect(() => toys.gauge({ name: 'toys_in_stock', help })).toThrow(/toys_in_stock.*twice by "toys"/);
    expect(() => toys.gauge({ name: 'holdfast_redis_up', help })).toThrow(/"Redis".*"toys"/);
    expect(() => toys.gauge({ name: 'process_resident_memory_bytes', help })).toThrow(/"Node\.js".*"toys"/);
  });
});

describe('the labels of a metric', () => {
  it('are all given, by their names, with the values of their lists', () => {
    const made = toys.counter({ name: 'toys_made_total', help, labels: { kind: ['bear', 'car'], shop: atMost(2) } });
    expectTypeOf(made).toEqualTypeOf<Counter<{ readonly kind: 'bear' | 'car'; readonly shop: string }>>();
    const stock = toys.gauge({ name: 'toys_in_stock', help });
    expectTypeOf<Parameters<typeof stock.set>>().toEqualTypeOf<[value: number]>();
    // @ts-expect-error a label is missing
    expect(() => made.add(1, { kind: 'bear' })).toThrow('shop');
  });

  it('have a fixed number of values: what comes after, and what no list has, is "other"', async () => {
    const labels = { kind: ['bear'], shop: atMost(2) } as const;
    const made = toys.counter({ name: 'toys_made_total', help, labels });
    for (const shop of ['a', 'b', 'c', 'd', 'x'.repeat(300)]) made.add(1, { kind: 'bear', shop });
    made.add(1, { kind: 'dragon' as 'bear', shop: 'a' });
    expect(await samples('toys_made_total')).toEqual([
      'toys_made_total{kind="bear",shop="a"} 1',
      'toys_made_total{kind="bear",shop="b"} 1',
      'toys_made_total{kind="bear",shop="other"} 3',
      'toys_made_total{kind="other",shop="a"} 1',
    ]);
  });

  it('set no gauge beyond that: it would show one of several', async () => {
    const stock = toys.gauge({ name: 'toys_in_stock', help, labels: { shop: atMost(1) } });
    stock.set(1, { shop: 'a' });
    stock.set(2, { shop: 'b' });
    expect(await samples('toys_in_stock')).toEqual(['toys_in_stock{shop="a"} 1']);
  });

  it('start at 0 where their values are known, and keep what was counted', async () => {
    const labels = { kind: ['bear', 'car'], shop: atMost(1) } as const;
    const made = toys.counter({ name: 'toys_made_total', help, labels });
    made.add(2, { kind: 'car', shop: 'a' });
    made.startAtZero({ shop: 'a' });
    made.startAtZero({ shop: 'b' });
    expect((await samples('toys_made_total')).toSorted()).toEqual([
      'toys_made_total{kind="bear",shop="a"} 0',
      'toys_made_total{kind="car",shop="a"} 2',
    ]);
  });
});

/** As a library would have it in its `channels.ts`. */
interface ToyChannels {
  'toys:sold': Sale;
}

interface Sale {
  readonly shop: string;
  readonly count: number;
}

describe('a listener on the channels of a library', () => {
  const sale = { shop: 'a', count: 3 };
  const publish = (event: unknown): void => channel('toys:sold').publish(event);

  it('gets the event with its type, until the metrics are closed', async () => {
    const sold = toys.counter({ name: 'toys_sold_total', help });
    toys.channels<ToyChannels>().on('toys:sold', (event) => {
      expectTypeOf(event).toEqualTypeOf<Sale>();
      sold.add(event.count);
    });
    publish(sale);
    metrics.close();
    publish(sale);
    expect(await samples('toys_sold_total')).toEqual(['toys_sold_total 3']);
  });

  it('cannot take the process down: what it could not count is counted', async () => {
    const sold = toys.counter({ name: 'toys_sold_total', help, labels: { shop: atMost(9) } });
    toys.channels<ToyChannels>().on('toys:sold', ({ shop, count }) => sold.add(count, { shop }));
    for (const bad of [null, { count: 1 }, { shop: 'a', count: Number.NaN }, { shop: 'a', count: -1 }]) publish(bad);
    const name = 'holdfast_telemetry_rejected_events_total';
    expect(await samples(name)).toEqual([`${name}{channel="toys:sold"} 4`]);
    expect(await samples('toys_sold_total')).toEqual([]);
  });
});

describe('a scrape', () => {
  const failures = 'holdfast_scrape_collector_failures_total';

  it('shows no figure that it could not read now', async () => {
    let healthy = true;
    const perShop = toys.gauge({ name: 'toys_in_stock', help, labels: { shop: atMost(9) }, isReadAtScrape: true });
    const inAll = toys.gauge({ name: 'toys_in_all', help, isReadAtScrape: true });
    const kept = toys.gauge({ name: 'toys_kept', help });
    toys.onScrape(() => {
      if (!healthy) throw new Error('the shop is closed');
      perShop.set(4, { shop: 'a' });
      inAll.set(4);
      kept.set(4);
    });
    expect(await samples('toys_')).toEqual(['toys_in_stock{shop="a"} 4', 'toys_in_all 4', 'toys_kept 4']);
    healthy = false;
    expect(await samples('toys_')).toEqual(['toys_kept 4']);
    // Each look at it is a scrape.
    expect(await samples(failures)).toEqual([`${failures} 2`]);
  });

  it('is not held up by a hook that hangs, nor starts it a second time', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let runs = 0;
    toys.onScrape(async () => {
      runs += 1;
      await promise;
    });
    const stock = toys.gauge({ name: 'toys_in_stock', help });
    metrics.instruments('games').onScrape(() => stock.set(5));
    expect(await samples('toys_in_stock')).toEqual(['toys_in_stock 5']);
    await metrics.text();
    expect(runs).toBe(1);
    expect(await samples(failures)).toEqual([`${failures} 3`]);
    resolve();
  });

  it('is made once an interval, however often it is asked for', async () => {
    for (const [textIntervalMs, expected] of [
      [60_000, 1],
      [0, 3],
    ] as const) {
      const asked = createMetrics({ service: 'api', textIntervalMs });
      let made = 0;
      asked.instruments('toys').onScrape(() => void (made += 1));
      const texts = [await asked.text(), await asked.text(), await asked.text()];
      expect(made).toBe(expected);
      expect(new Set(texts).size).toBeLessThanOrEqual(expected);
      asked.close();
    }
  });

  it('is shared by those that come at the same time, until its hook ends', async () => {
    let runs = 0;
    const end = toys.onScrape(() => {
      runs += 1;
    });
    const [first, second] = await Promise.all([metrics.text(), metrics.text()]);
    expect(runs).toBe(1);
    expect(first).toBe(second);
    end();
    await metrics.text();
    expect(runs).toBe(1);
  });
});

function atMost(limit: number): BoundedLabel {
  return new BoundedLabel(limit);
}
