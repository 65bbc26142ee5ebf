import type { ScoredMember } from '@holdfast/redis-core';
import type { Entry, TagStamp } from './entry.ts';
import { EPOCH, FROM } from './tags-state.ts';

/** What an entry's tags went through since it was written: nothing, an invalidation with mode `expire`, or one with `delete`. */
export type TagVerdict = 'valid' | 'expired' | 'invalid';

/** What was found out about an entry that is older than what a process knows: up to that seq its tags left it so. */
export interface Checked {
  readonly seq: number;
  readonly verdict: TagVerdict;
}

/** How many notes one read asks for. */
export const MAX_READ = 10_000;
/** How many notes a process keeps of a namespace. */
const MAX_KEPT = 2 * MAX_READ;

/** What a process knows of the tags of a namespace: all that was noted after `from`, up to the seq of its stamp. */
export class NotedTags {
  #stamp: TagStamp;
  #from = 0;
  /** Those that were noted last stand last. */
  readonly #deleted = new Map<string, number>();
  readonly #expired = new Map<string, number>();

  /** From the newest members of the state, newest first; `undefined`: there is no state. */
  static of(members: readonly ScoredMember[]): NotedTags | undefined {
    const stamp = stampOf(members);
    return stamp === undefined ? undefined : new NotedTags(stamp, members);
  }

  private constructor(stamp: TagStamp, members: readonly ScoredMember[]) {
    this.#stamp = stamp;
    this.#note(members);
  }

  /** A stamp for what is written or loaded from now on; it does not change. */
  get stamp(): TagStamp {
    return this.#stamp;
  }

  /** Members that were noted since the seq of the stamp, that included. Whether they go on from there. */
  add(members: readonly ScoredMember[]): boolean {
    const stamp = stampOf(members);
    if (stamp?.epoch !== this.#stamp.epoch) return false;
    // A reply that was overtaken by a later one has nothing new.
    if (stamp.seq < this.#stamp.seq) return true;
    this.#stamp = stamp;
    this.#note(members);
    return true;
  }

  /** `undefined`: the entry has not seen all that was noted before what is known here. */
  verdictOf({ stamp, tags }: Pick<Entry, 'stamp' | 'tags'>, checked: Checked | undefined): TagVerdict | undefined {
    if (stamp === null) return 'valid';
    if (stamp.epoch !== this.#stamp.epoch) return 'invalid';
    const seen = checked === undefined ? stamp.seq : checked.seq;
    if (checked?.verdict === 'invalid') return 'invalid';
    if (seen < this.#from) return undefined;
    let verdict = checked?.verdict ?? 'valid';
    for (const tag of tags) {
      if ((this.#deleted.get(tag) ?? 0) > seen) return 'invalid';
      if ((this.#expired.get(tag) ?? 0) > seen) verdict = 'expired';
    }
    return verdict;
  }

  #note(members: readonly ScoredMember[]): void {
    if (members.length > MAX_READ) {
      // There are more that were not read: what is known begins with these.
      this.#deleted.clear();
      this.#expired.clear();
      this.#from = Math.max(this.#from, members.at(-1)?.score ?? 0);
    }
    for (let index = members.length - 1; index >= 0; index -= 1) {
      const { member, score } = members[index] ?? { member: '', score: 0 };
      if (member === FROM) this.#from = Math.max(this.#from, score);
      else if (member.startsWith('d:')) renew(this.#deleted, member.slice(2), score);
      else if (member.startsWith('e:')) renew(this.#expired, member.slice(2), score);
    }
    while (this.#deleted.size + this.#expired.size > MAX_KEPT) {
      this.#dropOldest(this.#deleted.size > this.#expired.size ? this.#deleted : this.#expired);
    }
  }

  #dropOldest(notes: Map<string, number>): void {
    const oldest = notes.entries().next();
    if (oldest.done === true) return;
    const [tag, seq] = oldest.value;
    notes.delete(tag);
    this.#from = Math.max(this.#from, seq);
  }
}

function renew(notes: Map<string, number>, tag: string, seq: number): void {
  notes.delete(tag);
  notes.set(tag, seq);
}

/** The member of the epoch is the newest of all. */
function stampOf(members: readonly ScoredMember[]): TagStamp | undefined {
  const [newest] = members;
  if (newest?.member.startsWith(EPOCH) !== true) return undefined;
  return { epoch: newest.member.slice(EPOCH.length), seq: newest.score };
}
