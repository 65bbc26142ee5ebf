import type { LabelSpecs, ValuesOf } from './labels.ts';
import type { ScrapeHook } from './scrape-hooks.ts';
import type { ChannelListeners } from './subscriptions.ts';

/**
 * What one part of the service counts and measures with: metrics with fixed label names, events of the libraries, and hooks that
 * read at a scrape. All of it belongs to the part that was named when it was asked for, and ends with `Metrics.close()`.
 *
 * A name belongs to one part: whoever declares a metric that is there already gets an error that names both.
 */
export interface Instruments {
  /** Something that only grows, such as `holdfast_jobs_total`. */
  counter<const Specs extends LabelSpecs = NoLabels>(definition: MetricDefinition<Specs>): Counter<ValuesOf<Specs>>;
  /** Something that is as it is now, such as `holdfast_queue_jobs`. */
  gauge<const Specs extends LabelSpecs = NoLabels>(definition: GaugeDefinition<Specs>): Gauge<ValuesOf<Specs>>;
  /** How long, or how many, in steps, such as `holdfast_job_wait_seconds`. */
  histogram<const Specs extends LabelSpecs = NoLabels>(
    definition: HistogramDefinition<Specs>,
  ): Histogram<ValuesOf<Specs>>;
  /**
   * The diagnostics channels of a library, whose `channels.ts` says what is published on which. What a listener throws drops
   * the event, and counts it in `holdfast_telemetry_rejected_events_total`.
   */
  channels<Channels>(): ChannelListeners<Channels>;
  /**
   * Has `hook` run at each scrape. One that fails, or takes longer than the deadline of a scrape, is left out of it, counted in
   * `holdfast_scrape_collector_failures_total`, and not started again before it has ended.
   * @returns what ends that
   */
  onScrape(hook: ScrapeHook): () => void;
}

// oxlint-disable-next-line typescript/no-generated-empty-object-type -- of a metric without labels nothing is to be given
export type NoLabels = Readonly<Record<never, never>>;

export interface MetricDefinition<Specs extends LabelSpecs> {
  /** `holdfast_…`, in base units, as docs/reference/metrics.md lists it. */
  readonly name: string;
  readonly help: string;
  /** Each label with the values that it may have: a list, or a bound on their number. */
  readonly labels?: Specs;
}

export interface GaugeDefinition<Specs extends LabelSpecs> extends MetricDefinition<Specs> {
  /**
   * Whether a hook sets it at each scrape. It is then forgotten before, so that what could not be read is missing: no figure is
   * better than one that nobody could confirm. Default false.
   */
  readonly isReadAtScrape?: boolean;
}

export interface HistogramDefinition<Specs extends LabelSpecs> extends MetricDefinition<Specs> {
  /** Upper bounds, rising. */
  readonly buckets: readonly number[];
}

/** All labels of a metric at once; nothing for one that has none. */
type Labelled<Values> = keyof Values extends never ? [] : [labels: Values];

export interface Counter<Values> {
  add(count: number, ...labels: Labelled<Values>): void;
  /**
   * Shows 0 for all values of the labels that have a list, where nothing was counted yet: Prometheus sees no increase in a
   * counter that begins with 1, so the first failure would be missed. Labels without a list have to be given.
   */
  startAtZero(labels?: Partial<Values>): void;
}

export interface Gauge<Values> {
  /** A label beyond its bound sets nothing: a gauge of several things would show one of them. */
  set(value: number, ...labels: Labelled<Values>): void;
  remove(...labels: Labelled<Values>): void;
}

export interface Histogram<Values> {
  observe(value: number, ...labels: Labelled<Values>): void;
}
