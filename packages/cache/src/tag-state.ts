/**
 * What the tags of a namespace went through: a hash `{epoch, seq, d:<tag>: seq, e:<tag>: seq}`. Each invalidation makes
 * `seq` grow and notes it under its tags (`d:` for delete, `e:` for expire). An entry remembers the epoch and the `seq`
 * that it was written at, and is valid while no tag of its own has been noted later: no clocks, and one command
 * whatever the number of entries. A hash that is missing or has another epoch makes every tagged entry invalid.
 */
export interface TagState {
  readonly epoch: string;
  readonly seq: number;
  readonly deleted: ReadonlyMap<string, number>;
  readonly expired: ReadonlyMap<string, number>;
}

/** `null`: there is no such hash, or it is something else. */
export function decodeTagState(fields: ReadonlyMap<string, Buffer>): TagState | null {
  const epoch = fields.get('epoch')?.toString();
  const seq = Number(fields.get('seq')?.toString() ?? '0');
  if (epoch?.length !== 8 || !Number.isSafeInteger(seq)) return null;
  const deleted = new Map<string, number>();
  const expired = new Map<string, number>();
  for (const [field, value] of fields) {
    if (field.startsWith('d:')) deleted.set(field.slice(2), Number(value.toString()));
    else if (field.startsWith('e:')) expired.set(field.slice(2), Number(value.toString()));
  }
  return { epoch, seq, deleted, expired };
}
