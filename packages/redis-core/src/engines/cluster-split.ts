import calculateSlot from 'cluster-key-slot';
import type { BatchOperation, BatchReply, BatchResult } from '../engine.ts';
import { UnknownOutcomeError, UnsupportedError } from '../errors.ts';

/** One operation as the operations of single slots that do it together, and how their results become its own. */
export interface SplitOperation {
  readonly parts: readonly BatchOperation[];
  readonly join: (results: readonly BatchResult[]) => BatchResult;
}

/** The keys of each slot, with their places in `keys`. */
export function bySlot(keys: readonly string[]): { readonly keys: string[]; readonly places: number[] }[] {
  const groups = new Map<number, { keys: string[]; places: number[] }>();
  for (const [place, key] of keys.entries()) {
    const slot = calculateSlot(key);
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, { keys: [key], places: [place] });
    else {
      group.keys.push(key);
      group.places.push(place);
    }
  }
  return [...groups.values()];
}

/** A cluster runs a command on keys of one slot only. */
export function splitOperation(operation: BatchOperation): SplitOperation {
  if (operation.op === 'mget') return splitReads(operation.keys);
  if (operation.op === 'del') {
    return {
      parts: bySlot(operation.keys).map(({ keys }) => ({ op: 'del', keys })),
      join: (results) => joined(results, (values) => values.reduce<number>((sum, count) => sum + Number(count), 0)),
    };
  }
  return (operation.op === 'run' ? refuseSlots(operation.script.name, operation.keys) : undefined) ?? whole(operation);
}

function splitReads(keys: readonly string[]): SplitOperation {
  const groups = bySlot(keys);
  return {
    parts: groups.map((group) => ({ op: 'mget', keys: group.keys })),
    join: (results) =>
      joined(results, (values) => {
        const reply: (Buffer | null)[] = keys.map(() => null);
        for (const [index, { places }] of groups.entries()) {
          const found = values[index] as readonly (Buffer | null)[];
          for (const [at, place] of places.entries()) reply[place] = found[at] ?? null;
        }
        return reply;
      }),
  };
}

/** @throws UnsupportedError when the keys of a script lie in different slots */
export function assertOneSlot(script: string, keys: readonly string[]): void {
  if (bySlot(keys).length > 1) {
    throw new UnsupportedError(
      `The ${keys.length} keys of the script "${script}" lie in different slots of the cluster. Give them a common hash tag.`,
    );
  }
}

function refuseSlots(script: string, keys: readonly string[]): SplitOperation | undefined {
  try {
    assertOneSlot(script, keys);
    return undefined;
  } catch (error) {
    return { parts: [], join: () => ({ ok: false, error: error as Error }) };
  }
}

function whole(operation: BatchOperation): SplitOperation {
  return {
    parts: [operation],
    // Made only then: an error collects its stack, and this is done for each operation.
    join: ([result]) => result ?? { ok: false, error: new UnknownOutcomeError('There is no result.') },
  };
}

/** One part that failed fails the whole; where others succeeded, "nothing was changed" would not be true any more. */
export function joined(
  results: readonly BatchResult[],
  combine: (values: readonly BatchReply[]) => BatchReply,
): BatchResult {
  const failed = results.filter((result) => !result.ok);
  const [first] = failed;
  if (first === undefined)
    return { ok: true, value: combine(results.map((result) => (result.ok ? result.value : null))) };
  return failed.find(({ error }) => error instanceof UnknownOutcomeError) ?? first;
}
