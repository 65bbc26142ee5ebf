import { publishEvent } from './channels.ts';
import type { BatchOperation, BatchReply, BatchResult, RedisEngine } from './engine.ts';
import {
  CancelledError,
  HoldfastError,
  RequestTooLargeError,
  UnavailableError,
  UnknownOutcomeError,
} from './errors.ts';
import { anything, callback, checkOptions, milliseconds, type OptionRules, text, wholeNumber } from './option-rules.ts';
import { asBatchOperation, keysOf, type PipelineOperation } from './pipeline-operation.ts';
import { plan, type PlannedBatch } from './pipeline-plan.ts';
import { scriptArguments, writeMany } from './pipeline-scripts.ts';
import { fromReplyError } from './error-replies.ts';

export type { PipelineOperation } from './pipeline-operation.ts';

export interface PipelineOptions {
  /** Operations a batch. 20 to 100; what is outside is taken as the nearest. Default 50. */
  readonly batchSize?: number;
  /** Batches under way at once. Default 4. */
  readonly concurrency?: number;
  /** Stops it: what was not sent yet is reported as `CANCELLED`, what was is awaited. */
  readonly signal?: AbortSignal;
  /** After each batch. What it throws is thrown by the pipeline, after the batches under way. */
  readonly onProgress?: (progress: PipelineProgress) => void;
  /** Of each batch. Default: the engine's command timeout. */
  readonly deadlineMs?: number;
  /** The name under which it appears in events. Default: the kind of the engine. */
  readonly connection?: string;
}

const rules: OptionRules<PipelineOptions> = {
  batchSize: wholeNumber(1),
  concurrency: wholeNumber(1),
  signal: anything,
  onProgress: callback,
  deadlineMs: milliseconds(1),
  connection: text,
};

export interface PipelineProgress {
  readonly done: number;
  readonly failed: number;
  readonly total: number;
}

export interface PipelineResult {
  readonly successful: number;
  readonly failed: number;
  /** In the order of the operations. */
  readonly errors: readonly PipelineError[];
  readonly batches: number;
  /** Client commands, as MONITOR shows them; what an engine sent again by itself not counted. */
  readonly commands: number;
  readonly durationMs: number;
  /** The reply of each operation in its place; `undefined` where it failed. */
  readonly results: readonly (BatchReply | undefined)[];
  /** Commands saved against one for each operation that was sent. */
  readonly saved: number;
}

export interface PipelineError {
  /** The place of the operation. */
  readonly index: number;
  /** Its key, of a script the first. */
  readonly key: string;
  readonly code: string;
  readonly detail: string;
}

/**
 * Carries out any number of operations with few commands: many gets are one MGET, many writes one script; in a cluster
 * slot by slot. Operations on one key keep their order, those on different keys do not, and nothing is a transaction.
 * One that fails fails alone. What failed with its whole command, and may be repeated, is tried once more by itself.
 *
 * Resolves even when every operation failed; see `errors`.
 * @throws OptionInvalidError naming the option that is not allowed
 */
export async function pipeline(
  engine: RedisEngine,
  operations: readonly PipelineOperation[],
  options: PipelineOptions = {},
): Promise<PipelineResult> {
  checkOptions('pipeline', options, rules);
  const startedAt = performance.now();
  const work = new Work(engine, operations, options);
  const stages = plan(operations, clamp(options.batchSize ?? 50, 20, 100), engine.slotOf?.bind(engine));
  for (const stage of stages) {
    const remaining = stage[Symbol.iterator]();
    const lane = async (): Promise<void> => {
      for (const batch of remaining) await work.carryOut(batch);
    };
    await Promise.all(Array.from({ length: clamp(options.concurrency ?? 4, 1, stage.length) }, lane));
  }
  const result = work.result(performance.now() - startedAt);
  publishEvent('holdfast:redis:pipeline', () => ({
    connection: options.connection ?? engine.kind,
    operations: operations.length,
    commands: result.commands,
    saved: result.saved,
    failed: result.failed,
    durationMs: result.durationMs,
  }));
  return result;
}

class Work {
  readonly #engine: RedisEngine;
  readonly #operations: readonly PipelineOperation[];
  readonly #options: PipelineOptions;
  readonly #results: (BatchResult | undefined)[];
  #batches = 0;
  #commands = 0;
  #sent = 0;
  #done = 0;
  #failed = 0;

  constructor(engine: RedisEngine, operations: readonly PipelineOperation[], options: PipelineOptions) {
    this.#engine = engine;
    this.#operations = operations;
    this.#options = options;
    this.#results = operations.map(() => undefined);
  }

  async carryOut(batch: PlannedBatch): Promise<void> {
    const places = batch.groups.flat();
    if (this.#options.signal?.aborted === true) {
      const error = new CancelledError('The pipeline was cancelled before this was sent.');
      for (const place of places) this.#settle(place, { ok: false, error });
    } else {
      this.#batches += 1;
      this.#sent += places.length;
      const again = await this.#send(batch);
      if (again.length > 0) await this.#sendSingly(again);
    }
    this.#done += places.length;
    this.#options.onProgress?.({ done: this.#done, failed: this.#failed, total: this.#operations.length });
  }

  result(durationMs: number): PipelineResult {
    const errors = this.#results.flatMap((result, index): PipelineError[] => {
      if (result?.ok === true) return [];
      const error = result?.error;
      const code = error instanceof HoldfastError ? error.code : 'INTERNAL';
      return [{ index, key: this.#keyAt(index), code, detail: error?.message ?? 'There is no result.' }];
    });
    return {
      successful: this.#operations.length - errors.length,
      failed: errors.length,
      errors,
      batches: this.#batches,
      commands: this.#commands,
      durationMs,
      results: this.#results.map((result) => (result?.ok === true ? result.value : undefined)),
      saved: Math.max(0, this.#sent - this.#commands),
    };
  }

  /** Replies the places of what should be tried once more, one by one. */
  async #send(batch: PlannedBatch): Promise<number[]> {
    const groups = batch.kind === 'single' ? batch.groups.flat().map((place) => [place]) : batch.groups;
    const results = await this.#call(groups.map((places) => this.#command(batch.kind, places)));
    const again: number[] = [];
    for (const [index, places] of groups.entries()) {
      const result = results[index];
      if (result === undefined) continue;
      // What may have been applied is not written once more: it might undo what somebody else has written since.
      const isRefused = !result.ok && !(result.error instanceof UnknownOutcomeError);
      // What was too large as one is taken in parts.
      const isTooLarge = !result.ok && result.error instanceof RequestTooLargeError;
      const mayRepeat = batch.kind === 'read' || (batch.kind === 'write' && isRefused) || isTooLarge;
      const isShared = places.length > 1;
      if (!result.ok && isShared && mayRepeat && this.#isWorthRepeating(result.error)) again.push(...places);
      else if (!result.ok || !isShared) for (const place of places) this.#settle(place, this.#own(place, result));
      else this.#distribute(batch.kind, places, result.value);
    }
    return again;
  }

  async #sendSingly(places: readonly number[]): Promise<void> {
    const results = await this.#call(places.map((place) => this.#single(place)));
    for (const [index, place] of places.entries()) {
      const result = results[index];
      if (result !== undefined) this.#settle(place, this.#own(place, result));
    }
  }

  /** One round trip. Never rejects. */
  async #call(list: readonly BatchOperation[]): Promise<BatchResult[]> {
    this.#commands += list.length;
    const { deadlineMs } = this.#options;
    try {
      return await this.#engine.batch(list, deadlineMs === undefined ? {} : { deadlineMs });
    } catch (error) {
      // Nothing was sent.
      this.#commands -= list.length;
      return list.map(() => ({ ok: false, error: error instanceof Error ? error : new Error(String(error)) }));
    }
  }

  #command(kind: PlannedBatch['kind'], places: readonly number[]): BatchOperation {
    const [first] = places;
    if (places.length === 1 && first !== undefined) return this.#single(first);
    const keys = places.map((place) => this.#keyAt(place));
    if (kind === 'read') return { op: 'mget', keys };
    const args = scriptArguments(places.flatMap((place) => this.#operations[place] ?? []));
    return { op: 'run', script: writeMany, keys, args };
  }

  #single(place: number): BatchOperation {
    const operation = this.#operations[place];
    return operation === undefined ? { op: 'mget', keys: [] } : asBatchOperation(operation);
  }

  /** The result of an operation that was a command of its own. */
  #own(place: number, result: BatchResult): BatchResult {
    const isRead = this.#operations[place]?.op === 'get';
    return isRead && result.ok && Array.isArray(result.value)
      ? { ok: true, value: (result.value as (Buffer | null)[])[0] ?? null }
      : result;
  }

  #distribute(kind: PlannedBatch['kind'], places: readonly number[], value: BatchReply): void {
    const list = Array.isArray(value) ? (value as readonly (Buffer | number | null)[]) : [];
    for (const [at, place] of places.entries()) {
      const reply = list[at];
      if (kind === 'read') this.#settle(place, { ok: true, value: Buffer.isBuffer(reply) ? reply : null });
      else if (typeof reply === 'number') this.#settle(place, { ok: true, value: this.#asReply(place, reply) });
      else {
        const text = reply === undefined || reply === null ? 'ERR the script gave no reply' : reply.toString();
        this.#engine.noteRefusal?.(this.#keyAt(place), text);
        this.#settle(place, { ok: false, error: fromReplyError(text) });
      }
    }
  }

  #asReply(place: number, reply: number): BatchReply {
    const name = this.#operations[place]?.op;
    return name === 'set' || name === 'pexpire' ? reply === 1 : reply;
  }

  #isWorthRepeating(error: Error): boolean {
    const isAway = error instanceof UnavailableError || error instanceof UnknownOutcomeError;
    return !isAway || this.#engine.status.available;
  }

  #settle(place: number, result: BatchResult): void {
    this.#results[place] = result;
    if (!result.ok) this.#failed += 1;
  }

  #keyAt(place: number): string {
    const operation = this.#operations[place];
    return (operation === undefined ? undefined : keysOf(operation)[0]) ?? '';
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(Math.max(least, most), Math.trunc(value)));
}
