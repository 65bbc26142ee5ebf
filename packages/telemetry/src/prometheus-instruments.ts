import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, type Registry } from 'prom-client';
import type {
  Counter,
  Gauge,
  GaugeDefinition,
  Histogram,
  HistogramDefinition,
  Instruments,
  MetricDefinition,
} from './instruments.ts';
import { type GivenLabels, Labels, other, type LabelSpecs, type ValuesOf } from './labels.ts';
import type { MetricNames } from './metric-names.ts';
import type { ScrapeHook, ScrapeHooks } from './scrape-hooks.ts';
import type { ChannelListeners, Subscriptions } from './subscriptions.ts';

const none: GivenLabels = {};

/** What the instruments of all parts of a process have in common. */
export interface SharedInstruments {
  readonly registry: Registry;
  readonly names: MetricNames;
  readonly subscriptions: Subscriptions;
  readonly hooks: ScrapeHooks;
}

/** Instruments on prom-client, of one part of the process. */
export class PrometheusInstruments implements Instruments {
  readonly #owner: string;
  readonly #shared: SharedInstruments;

  constructor(owner: string, shared: SharedInstruments) {
    this.#owner = owner;
    this.#shared = shared;
  }

  counter<const Specs extends LabelSpecs>(definition: MetricDefinition<Specs>): Counter<ValuesOf<Specs>> {
    const labels = this.#labels(definition);
    const counter = new PromCounter(this.#options(definition, labels));
    return {
      add: (count: number, given: GivenLabels = none) => {
        // Not a number would stay so for ever.
        if (Number.isNaN(count)) throw new RangeError('a count must be a number');
        counter.inc(labels.of(given), count);
      },
      startAtZero: (given: GivenLabels = none) => {
        for (const each of labels.combinations(given)) {
          const shown = labels.of(each);
          if (!hasOther(shown)) counter.inc(shown, 0);
        }
      },
    };
  }

  gauge<const Specs extends LabelSpecs>(definition: GaugeDefinition<Specs>): Gauge<ValuesOf<Specs>> {
    const labels = this.#labels(definition);
    const gauge = new PromGauge(this.#options(definition, labels));
    if (definition.isReadAtScrape === true) this.#shared.hooks.before(() => forget(gauge, labels));
    return {
      set: (value: number, given: GivenLabels = none) => {
        const shown = labels.of(given);
        if (!hasOther(shown)) gauge.set(shown, value);
      },
      remove: (given: GivenLabels = none) => gauge.remove(labels.of(given)),
    };
  }

  histogram<const Specs extends LabelSpecs>(definition: HistogramDefinition<Specs>): Histogram<ValuesOf<Specs>> {
    const labels = this.#labels(definition);
    const histogram = new PromHistogram({ ...this.#options(definition, labels), buckets: [...definition.buckets] });
    return { observe: (value: number, given: GivenLabels = none) => histogram.observe(labels.of(given), value) };
  }

  channels<Channels>(): ChannelListeners<Channels> {
    return this.#shared.subscriptions;
  }

  onScrape(hook: ScrapeHook): () => void {
    return this.#shared.hooks.add(hook);
  }

  #labels({ name, labels = {} }: MetricDefinition<LabelSpecs>): Labels {
    this.#shared.names.claim(name, this.#owner);
    return new Labels(labels);
  }

  #options({ name, help }: MetricDefinition<LabelSpecs>, labels: Labels) {
    return { name, help, labelNames: [...labels.names], registers: [this.#shared.registry] };
  }
}

function hasOther(shown: Readonly<Record<string, string>>): boolean {
  return Object.values(shown).includes(other);
}

function forget(gauge: PromGauge, { names }: Labels): void {
  // Without labels it would be reset to 0, which is a figure.
  if (names.length === 0) gauge.remove({});
  else gauge.reset();
}
