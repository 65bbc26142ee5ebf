import { classOf, keysOf, type OperationClass, type PipelineOperation } from './pipeline-operation.ts';

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
}

/**
 * Puts operations that may share commands into batches of at most `batchSize`, so that whatever touches one key keeps
 * its order: two operations on a key share a stage only when both read, or both are in the same script.
 */
export function plan(
  operations: readonly PipelineOperation[],
  batchSize: number,
  slotOf: (key: string) => number = () => 0,
): Plan {
  const stages: Map<OperationClass, number[]>[] = [];
  const lastUse = new Map<string, Use>();
  for (const [place, operation] of operations.entries()) {
    const kind = classOf(operation);
    const keys = keysOf(operation);
    const stage = Math.max(0, ...keys.map((key) => earliest(lastUse.get(key), kind, batchSize)));
    for (const key of keys) {
      const before = lastUse.get(key);
      const count = before?.stage === stage ? before.count + 1 : 1;
      lastUse.set(key, { kind, stage, count });
    }
    const classes = (stages[stage] ??= new Map<OperationClass, number[]>());
    const places = classes.get(kind);
    if (places === undefined) classes.set(kind, [place]);
    else places.push(place);
  }
  return stages.map((classes) =>
    [...classes].flatMap(([kind, places]) => batchesOf(kind, places, operations, batchSize, slotOf)),
  );
}

function earliest(before: Use | undefined, kind: OperationClass, batchSize: number): number {
  if (before === undefined) return 0;
  if (before.kind !== kind || kind === 'single') return before.stage + 1;
  return kind === 'read' || before.count < batchSize ? before.stage : before.stage + 1;
}

function batchesOf(
  kind: OperationClass,
  places: readonly number[],
  operations: readonly PipelineOperation[],
  batchSize: number,
  slotOf: (key: string) => number,
): PlannedBatch[] {
  // Slot by slot and, for what must keep its order, key by key, in the order in which they first come.
  const slots = new Map<number, Map<string, number[]>>();
  for (const place of places) {
    const operation = operations[place];
    const key = (operation === undefined ? undefined : keysOf(operation)[0]) ?? '';
    const slot = slotOf(key);
    const keys = slots.get(slot) ?? new Map<string, number[]>();
    slots.set(slot, keys);
    const group = kind === 'read' ? '' : key;
    const together = keys.get(group);
    if (together === undefined) keys.set(group, [place]);
    else together.push(place);
  }
  const batches: { kind: OperationClass; groups: number[][] }[] = [];
  let room = 0;
  const startBatch = (): void => {
    batches.push({ kind, groups: [] });
    room = batchSize;
  };
  for (const keys of slots.values()) {
    let group: number[] | undefined;
    // Reads need not stay together, so each may begin a new batch.
    const units = kind === 'read' ? (keys.get('') ?? []).map((place) => [place]) : [...keys.values()];
    for (const unit of units) {
      if (unit.length > room) {
        startBatch();
        group = undefined;
      }
      if (group === undefined) {
        group = [];
        batches.at(-1)?.groups.push(group);
      }
      group.push(...unit);
      room -= unit.length;
    }
  }
  return batches;
}
