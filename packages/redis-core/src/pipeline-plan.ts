import { BatchRoom, MAX_BATCH_BYTES } from './batch-bytes.ts';
import { bytesOf, classOf, keysOf, type OperationClass, type PipelineOperation } from './pipeline-operation.ts';

/** Operations that travel together, by their places in the program. One class, one stage. */
export interface PlannedBatch {
  readonly kind: OperationClass;
  /** Those of one group share a slot, and so a command. Outside of a cluster there is one group. */
  readonly groups: readonly (readonly number[])[];
}

/** Stages run one after another; the batches of a stage in any order, or at once. */
export type Plan = readonly (readonly PlannedBatch[])[];

interface Use {
  readonly kind: OperationClass;
  readonly stage: number;
  /** Operations on this key in this stage; they stay in one batch, in their order. */
  readonly count: number;
  /** Of these operations. */
  readonly bytes: number;
}

/**
 * Puts operations that may share commands into batches of at most `batchSize`, so that whatever touches one key keeps
 * its order: two operations on a key share a stage only when both read, or both are in the same script.
 */
export function plan(
  operations: readonly PipelineOperation[],
  batchSize: number,
  slotOf?: (key: string) => number,
): Plan {
  const stages: Map<OperationClass, number[]>[] = [];
  const bytes = operations.map(bytesOf);
  const lastUse = new Map<string, Use>();
  for (const [place, operation] of operations.entries()) {
    const kind = classOf(operation);
    const keys = keysOf(operation);
    const own = bytes[place] ?? 0;
    let stage = 0;
    for (const key of keys) stage = Math.max(stage, earliest(lastUse.get(key), kind, own, batchSize));
    for (const key of keys) {
      const before = lastUse.get(key);
      const [count, total] = before?.stage === stage ? [before.count + 1, before.bytes + own] : [1, own];
      lastUse.set(key, { kind, stage, count, bytes: total });
    }
    const classes = (stages[stage] ??= new Map<OperationClass, number[]>());
    const places = classes.get(kind);
    if (places === undefined) classes.set(kind, [place]);
    else places.push(place);
  }
  return stages.map((classes) =>
    [...classes].flatMap(([kind, places]) => batchesOf(kind, places, operations, bytes, batchSize, slotOf)),
  );
}

function earliest(before: Use | undefined, kind: OperationClass, bytes: number, batchSize: number): number {
  if (before === undefined) return 0;
  if (before.kind !== kind || kind === 'single') return before.stage + 1;
  const fits = kind === 'read' || (before.count < batchSize && before.bytes + bytes <= MAX_BATCH_BYTES);
  return fits ? before.stage : before.stage + 1;
}

function batchesOf(
  kind: OperationClass,
  places: readonly number[],
  operations: readonly PipelineOperation[],
  bytes: readonly number[],
  batchSize: number,
  slotOf: ((key: string) => number) | undefined,
): PlannedBatch[] {
  const batches: { kind: OperationClass; groups: number[][] }[] = [];
  let room: BatchRoom | undefined;
  for (const ofSlot of bySlot(places, operations, slotOf)) {
    let group: number[] | undefined;
    // Reads need not stay together, so each may begin a new batch.
    for (const unit of kind === 'read' ? ofSlot : byKey(ofSlot, operations)) {
      const [length, own] = typeof unit === 'number' ? [1, bytes[unit] ?? 0] : [unit.length, sumOf(unit, bytes)];
      if (room?.take(length, own) !== true) {
        batches.push({ kind, groups: [] });
        room = new BatchRoom(batchSize);
        room.take(length, own);
        group = undefined;
      }
      if (group === undefined) {
        group = [];
        batches.at(-1)?.groups.push(group);
      }
      if (typeof unit === 'number') group.push(unit);
      else group.push(...unit);
    }
  }
  return batches;
}

function sumOf(places: readonly number[], values: readonly number[]): number {
  return places.reduce((sum, place) => sum + (values[place] ?? 0), 0);
}

/** Slot by slot, in the order in which they first come. */
function bySlot(
  places: readonly number[],
  operations: readonly PipelineOperation[],
  slotOf: ((key: string) => number) | undefined,
): Iterable<readonly number[]> {
  if (slotOf === undefined) return [places];
  const slots = new Map<number, number[]>();
  for (const place of places) {
    const slot = slotOf(firstKey(operations[place]));
    const ofSlot = slots.get(slot);
    if (ofSlot === undefined) slots.set(slot, [place]);
    else ofSlot.push(place);
  }
  return slots.values();
}

/** What must keep its order, key by key, in the order in which they first come; nearly always one on each. */
function byKey(
  places: readonly number[],
  operations: readonly PipelineOperation[],
): Iterable<number | readonly number[]> {
  const units = new Map<string, number | number[]>();
  for (const place of places) {
    const key = firstKey(operations[place]);
    const unit = units.get(key);
    if (unit === undefined) units.set(key, place);
    else if (typeof unit === 'number') units.set(key, [unit, place]);
    else unit.push(place);
  }
  return units.values();
}

function firstKey(operation: PipelineOperation | undefined): string {
  return (operation === undefined ? undefined : keysOf(operation)[0]) ?? '';
}
