import type { ResourceLimits } from 'node:worker_threads';
import type { Catalogue, DataOf, NameOf, ResultOf } from '../job/catalogue.ts';
import type { QueueDefinition } from '../job/define-queue.ts';
import type { ChildResult } from '../job/child-result.ts';

/** A job as its handler sees it. */
export interface RunningJob<Data = unknown> {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly data: Data;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** How many there may be at most. */
  readonly attempts: number;
  /** The same for all attempts of this job and of no other: hand it on to whatever the job changes. */
  readonly idempotencyKey: string;
  /** Aborted at the timeout, when the job is cancelled, when the worker stops, or when the job's lock is lost. */
  readonly signal: AbortSignal;
  /** What the jobs that this one waited for came to: see `Queues.addFlow`. Empty for any other job. */
  children(): Promise<ChildResult[]>;
  /** Any JSON; seen by whoever asks for the job. Where the store refuses to note it, it is lost, and the work goes on. */
  progress(value: unknown): Promise<void>;
  /** Keeps a line with the job: the newest 1000, each cut to 8192 characters. Lost where the store refuses it, as progress is. */
  log(line: string): Promise<void>;
}

/**
 * Runs the jobs of a queue: `Handler<typeof mail>` gets the data of its schema, and returns its result where the definition
 * says one. The result is stored with the job as JSON. Throw `PermanentError` for what another attempt cannot mend.
 *
 * Without a type argument, or where the schema is only known at run time, it is a handler of whatever data: a handler may
 * then say itself what it expects, which nobody checks.
 */
export type Handler<Definition extends QueueDefinition = QueueDefinition> =
  unknown extends DataOf<Definition>
    ? OpenHandler<DataOf<Definition>, ResultOf<Definition>>
    : JobHandler<DataOf<Definition>, ResultOf<Definition>>;

/**
 * Told of each run of a handler that is a function, right before it is called, with the time-out of its job: such a handler may
 * keep the event loop. Returns what is to be called when the run has ended.
 */
export type MayBlock = (timeoutMs: number) => () => void;

type JobHandler<Data, Result> = (job: RunningJob<Data>) => Result | Promise<Result>;

/** The parameter of a method may be narrower than said, unlike that of a function. */
type OpenHandler<Data, Result> = { handle(job: RunningJob<Data>): Result | Promise<Result> }['handle'];

/** A handler that runs in a thread of its own: for jobs that would block the event loop. */
export interface ThreadHandler {
  /**
   * A module whose default export is a `Handler`, of which nobody checks that it is one of this queue: say there
   * `satisfies Handler<typeof mail>`. It shares no state with this thread.
   */
  readonly thread: URL;
  /** A module, or several in this order, that each thread imports before that one, such as one that registers hooks. */
  readonly preload?: URL | readonly URL[];
  /** Of each thread. A job that needs more fails; the process goes on. Of young objects a thread keeps 8 MB unless said otherwise. */
  readonly resourceLimits?: ResourceLimits;
}

/**
 * A handler for each queue of a catalogue: one that is missing, and one that expects other data, do not compile. Where two
 * definitions have one name the handler gets the jobs of both.
 */
export type Handlers<Known extends Catalogue> = {
  readonly [Name in NameOf<Known>]: Handler<Extract<Known[number], { readonly name: Name }>>;
};

/** A queue with what runs its jobs: `new Consumer({ backend, ...queueHandler })`. */
export interface QueueHandler<Definition extends QueueDefinition = QueueDefinition> {
  readonly definition: Definition;
  /** A function, or a module that runs in threads. */
  readonly handler: Handler<Definition> | ThreadHandler;
}

/** Joins a handler to its definition: the types of the job and of the result follow from that. */
export function defineHandler<Definition extends QueueDefinition>(
  definition: Definition,
  handler: Handler<Definition> | ThreadHandler,
): QueueHandler<Definition> {
  return Object.freeze({ definition, handler });
}
