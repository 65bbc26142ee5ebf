import type { QueueDefinition } from '../job/define-queue.ts';
import { JobOptionsInvalidError, QueueOutcomeUnknownError } from '../job/errors.ts';
import { coalesceProblems, type Coalesce } from '../job/coalesce.ts';
import type { Priority } from '../job/priority.ts';
import type { AddResult } from './producer.ts';
import type { AddJob } from './add-job.ts';
import type { Pending } from './batch-stats.ts';
import { Coalescer } from './coalescer.ts';

export interface CoalescerSettings<Item, Data = unknown> {
  readonly maxItems: number;
  readonly maxWaitMs: number;
  /** The data of a job of these items; the most urgent ones come first. */
  readonly toData: (items: readonly Item[]) => Data;
}

/** Makes one job of many items. Closed with its queues. */
export interface ItemCoalescer<Item> {
  /**
   * Resolves once the job with this item is stored.
   *
   * @throws as `Queues.add`, and QueueBusyError (503) when too many items wait. After QueueOutcomeUnknownError the item
   *   may be stored, with others.
   */
  add(item: Item, options?: { readonly priority?: Priority }): Promise<CoalescedResult>;
  /** Stores what waits; takes no more. */
  close(): Promise<void>;
}

export interface CoalescedResult extends AddResult {
  /** How many items the job has. */
  readonly items: number;
}

export interface CoalescingOptions {
  readonly definition: QueueDefinition;
  /** Throws what `add` would throw for a job that is wrong by itself. */
  readonly check: (job: AddJob) => void;
  readonly add: (job: AddJob) => Promise<AddResult>;
}

type Elements = readonly unknown[];

/** All coalescers of one queue. */
export class Coalescing {
  readonly #options: CoalescingOptions;
  /** By everything but the items; each goes when nobody waits in it any more. */
  readonly #groups = new Map<string, Coalescer<Elements, AddResult>>();
  readonly #own = new Set<{ readonly pending: Pending; close(): Promise<void> }>();

  constructor(options: CoalescingOptions) {
    this.#options = options;
  }

  get pending(): Pending {
    let batches = 0;
    let jobs = 0;
    for (const { pending } of [...this.#groups.values(), ...this.#own]) {
      batches += pending.batches;
      jobs += pending.jobs;
    }
    return { batches, jobs };
  }

  /**
   * Adds a job together with others that are like it. `undefined`: this one is to be added by itself, because its queue
   * does not coalesce, or because it has options that would not hold for the others.
   */
  add(job: AddJob): Promise<CoalescedResult> | undefined {
    const { definition, check } = this.#options;
    const { coalesce } = definition;
    if (coalesce === undefined || coalesce.maxItems === 1) return undefined;
    const { field, maxItems } = coalesce;
    const { name, data, options = {} } = job;
    const { priority = definition.priority, ...others } = options;
    const elements = isRecord(data) ? data[field] : undefined;
    if (!isRecord(data) || !Array.isArray(elements) || Object.keys(others).length > 0) return undefined;
    if (elements.length === 0 || elements.length >= maxItems) return undefined;
    return this.#addTo({ name, rest: { ...data, [field]: [] } }, elements, {
      coalesce,
      priority,
      check: () => check(job),
    });
  }

  coalescer<Item>({ maxItems, maxWaitMs, toData }: CoalescerSettings<Item>): ItemCoalescer<Item> {
    const issues = coalesceProblems({ maxItems, maxWaitMs }).map((message) => ({ path: '', message }));
    if (issues.length > 0) throw new JobOptionsInvalidError(issues);
    const { definition, check, add } = this.#options;
    const coalescer = new Coalescer<Item, AddResult>({
      queue: definition.name,
      maxItems,
      maxWaitMs,
      store: async (items, priority) => anonymous(add({ data: toData(items), options: { priority } })),
    });
    this.#own.add(coalescer);
    return {
      add: async (item, { priority } = {}) => {
        // By itself first: one that is wrong must not take the others with it.
        check({ data: toData([item]), ...(priority !== undefined && { options: { priority } }) });
        const wanted = priority ?? definition.priority;
        return coalescer.add(item, { bytes: jsonLength(item), ...(wanted !== undefined && { priority: wanted }) });
      },
      close: async () => {
        await coalescer.close();
        this.#own.delete(coalescer);
      },
    };
  }

  /** Stores what waits. */
  async close(): Promise<void> {
    await Promise.all([...this.#groups.values(), ...this.#own].map((coalescer) => coalescer.close()));
  }

  async #addTo(
    { name, rest }: { readonly name: string | undefined; readonly rest: Readonly<Record<string, unknown>> },
    elements: Elements,
    { coalesce, priority, check }: { coalesce: Coalesce; priority: Priority | undefined; check: () => void },
  ): Promise<CoalescedResult> {
    check();
    const { field, maxItems, maxWaitMs } = coalesce;
    const key = JSON.stringify([name, rest]);
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = new Coalescer<Elements, AddResult>({
        queue: this.#options.definition.name,
        maxItems,
        maxWaitMs,
        store: async (parts, number) => {
          const data = { ...rest, [field]: parts.flat() };
          return anonymous(
            this.#options.add({ ...(name !== undefined && { name }), data, options: { priority: number } }),
          );
        },
      });
      this.#groups.set(key, group);
    }
    try {
      const count = elements.length;
      return await group.add(elements, {
        count,
        bytes: jsonLength(elements),
        ...(priority !== undefined && { priority }),
      });
    } finally {
      if (group.pending.jobs === 0 && this.#groups.get(key) === group) this.#groups.delete(key);
    }
  }
}

/** The id of a job of many callers is none that one of them could add its item again under. */
async function anonymous(adding: Promise<AddResult>): Promise<AddResult> {
  try {
    return await adding;
  } catch (error) {
    if (!(error instanceof QueueOutcomeUnknownError)) throw error;
    throw new QueueOutcomeUnknownError('The item may or may not be stored, in one job with others.', { cause: error });
  }
}

function jsonLength(value: unknown): number {
  const json: string | undefined = JSON.stringify(value);
  return json?.length ?? 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
