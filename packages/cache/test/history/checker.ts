import type { Change, HistoryEvent, Load, Put, Read, Stall } from './events.ts';

export interface CheckOptions {
  /** After a change is confirmed, for so long another process may still serve what it took away. */
  readonly deliveryMs: number;
  /** Redis was full: it may take away what it likes, so that nothing counts as lost. */
  readonly evicts?: boolean;
}

export interface Violation {
  readonly rule: string;
  readonly read: Read;
  readonly because: string;
  /** What happened around it, in order, times relative to the read. */
  readonly timeline: () => string;
}

export interface Verdict {
  readonly violations: readonly Violation[];
  readonly reads: number;
  readonly changes: number;
  readonly loads: number;
  /** How long after a confirmed change its old value was still served by other processes, in order, milliseconds. */
  readonly delays: readonly number[];
}

type Source = Put | Load;
type Taking = Put | Change;

/**
 * Decides for every read whether it may have returned what it did.
 *
 * - **known**: somebody wrote or loaded the value, under this key, and not after the read.
 * - **superseded**: no write, delete or invalidation came after the value and was confirmed more than the delivery delay
 *   before the read began; before it at all, where it was of the reader's own process. A write comes after another
 *   when it began after the other was confirmed; it comes after a loaded value when it began after the loader was called, so
 *   what was loaded from an older state of the world must neither be stored nor handed to others. (Whoever ran the
 *   loader gets its value: its own read began earlier.)
 * - **expired**: a reader without a loader gets nothing whose time is over.
 * - **lost**: what was written is found as long as nobody takes it away, which a Redis that is full may do.
 *
 * Time during which a process did not run is given to it in addition.
 */
export function check(events: readonly HistoryEvent[], options: CheckOptions): Verdict {
  const history = new History(events, options);
  const violations: Violation[] = [];
  for (const read of history.reads) {
    const found = read.value === null ? history.judgeMiss(read) : history.judgeHit(read, read.value);
    if (found !== undefined) violations.push({ ...found, read, timeline: () => history.timeline(read, found.about) });
  }
  return {
    violations,
    reads: history.reads.length,
    changes: history.changes,
    loads: history.loads,
    delays: history.delays.toSorted((a, b) => a - b),
  };
}

interface Finding {
  readonly rule: string;
  readonly because: string;
  readonly about: readonly { readonly from: number }[];
}

class History {
  readonly reads: Read[] = [];
  readonly delays: number[] = [];
  loads = 0;
  changes = 0;
  readonly #options: CheckOptions;
  readonly #events: readonly HistoryEvent[];
  readonly #sources = new Map<string, Source>();
  /** By key, in the order of their beginnings; and the latest end up to each of them. */
  readonly #takings = new Map<string, { readonly list: Taking[]; readonly endsBy: number[] }>();
  readonly #stalls = new Map<string, Stall[]>();

  constructor(events: readonly HistoryEvent[], options: CheckOptions) {
    this.#options = options;
    this.#events = events.toSorted((a, b) => a.from - b.from);
    for (const event of this.#events) this.#note(event);
    for (const { list, endsBy } of this.#takings.values()) {
      let latest = -Infinity;
      for (const { to } of list) endsBy.push((latest = Math.max(latest, to)));
    }
  }

  judgeHit(read: Read, id: string): Finding | undefined {
    const source = this.#sources.get(id);
    if (source === undefined || source.key !== read.key || source.from > read.to) {
      return { rule: 'known', because: `${id} is no value of this key at that time`, about: [] };
    }
    // A write that failed was applied by then or never: its connection is gone.
    const after = source.type === 'load' ? source.from : source.to;
    const { list } = this.#takingsOf(read.key);
    for (let index = firstAfter(list, after); index < list.length; index += 1) {
      const taking = list[index];
      if (taking === undefined || taking.from > read.from) break;
      if (!taking.ok || taking === source || taking.to >= read.from || !this.#takes(taking, source, read)) continue;
      const allowed = this.#allowance(read, taking);
      if (taking.to + allowed < read.from) {
        const late = `${(read.from - taking.to).toFixed(1)} ms before the read, ${allowed.toFixed(1)} ms are allowed`;
        return { rule: 'superseded', because: `${id} was taken away by ${nameOf(taking)} ${late}`, about: [source] };
      }
      if (taking.process !== read.process) this.delays.push(read.from - taking.to);
    }
    const { ttlMs } = source;
    const isOver = ttlMs !== null && source.to + ttlMs + this.#slack(source) < read.from;
    if (isOver && read.how === 'get') {
      return { rule: 'expired', because: `${id} was to live for ${ttlMs} ms`, about: [source] };
    }
    return undefined;
  }

  judgeMiss(read: Read): Finding | undefined {
    if (read.how !== 'get') return { rule: 'known', because: 'its loader always returns something', about: [] };
    if (this.#options.evicts === true) return undefined;
    const { list, endsBy } = this.#takingsOf(read.key);
    // Only the last writing is looked at, and only where nothing else may have come after it.
    let index = firstAfter(list, read.to) - 1;
    let put: Put | undefined;
    for (; index >= 0; index -= 1) {
      const taking = list[index];
      if (taking === undefined) return undefined;
      if (put === undefined) {
        if (taking.type === 'put' && taking.ok) put = taking;
        else if (taking.type === 'put' || taking.tags === null) return undefined;
        else continue;
      } else if ((endsBy[index] ?? 0) < put.from) break;
      else if (taking.to >= put.from && (taking.type === 'put' || concerns(taking, put))) return undefined;
    }
    if (put === undefined) return undefined;
    const written = put;
    for (let later = list.indexOf(written) + 1; later < list.length; later += 1) {
      const taking = list[later];
      if (taking === undefined || taking.from > read.to) break;
      if (taking.type === 'put' || concerns(taking, written)) return undefined;
    }
    if (written.to + this.#allowance(read, written) >= read.from) return undefined;
    if (written.ttlMs !== null && read.to + 50 >= written.from + written.ttlMs) return undefined;
    return { rule: 'lost', because: `${written.id} was written and nobody took it away`, about: [written] };
  }

  /** What happened to the key, and to the reader, from shortly before what it is about. */
  timeline(read: Read, about: readonly { readonly from: number }[]): string {
    const since = Math.min(read.from, ...about.map(({ from }) => from)) - 10;
    const lines = this.#events.filter((event) => {
      if (event.from > read.to || event.to < since) return false;
      if (event.type === 'stall' || event.type === 'disturbance') return event.process === read.process;
      if (event.type === 'change') return event.keys.includes(read.key);
      // Reads of others, and of what is current, tell little.
      return event.key === read.key && (event.type !== 'read' || event.process === read.process);
    });
    const shown = lines.length > 60 ? [...lines.slice(0, 30), undefined, ...lines.slice(-30)] : lines;
    return shown.map((event) => (event === undefined ? '  …' : describe(event, read.from))).join('\n');
  }

  #note(event: HistoryEvent): void {
    switch (event.type) {
      case 'read':
        this.reads.push(event);
        break;
      case 'put':
        this.#sources.set(event.id, event);
        this.#addTaking(event.key, event);
        this.changes += 1;
        break;
      case 'load':
        this.#sources.set(event.id, event);
        this.loads += 1;
        break;
      case 'change':
        for (const key of event.keys) this.#addTaking(key, event);
        this.changes += 1;
        break;
      case 'stall':
        this.#stalls.set(event.process, this.#stalls.get(event.process) ?? []);
        this.#stalls.get(event.process)?.push(event);
        break;
      case 'disturbance':
    }
  }

  #addTaking(key: string, taking: Taking): void {
    const takings = this.#takings.get(key) ?? { list: [], endsBy: [] };
    takings.list.push(taking);
    this.#takings.set(key, takings);
  }

  #takingsOf(key: string): { readonly list: Taking[]; readonly endsBy: number[] } {
    return this.#takings.get(key) ?? { list: [], endsBy: [] };
  }

  /** Whether a confirmed change makes the value one that this read must not return. */
  #takes(taking: Taking, source: Source, read: Read): boolean {
    if (taking.type === 'put') return true;
    if (!concerns(taking, source) || taking.mode === 'evict') return false;
    return taking.mode === 'delete' || read.how === 'get';
  }

  /** What a process has itself done it must know; of what others did it hears, when it gets to run. */
  #allowance(read: Read, taking: Taking): number {
    if (taking.process === read.process) return 0;
    let stalled = 0;
    for (const { from, to } of this.#stalls.get(read.process) ?? []) {
      stalled += Math.max(0, Math.min(to, read.from) - Math.max(from, taking.to));
    }
    return this.#options.deliveryMs + stalled;
  }

  /** Between the end of a loader and the stamp of its value its process may have been held up. */
  #slack({ process, to }: Source): number {
    const stalls = this.#stalls.get(process) ?? [];
    const held = stalls.filter((stall) => stall.to >= to && stall.from <= to + 50);
    return this.#options.deliveryMs + held.reduce((sum, stall) => sum + stall.to - stall.from, 0);
  }
}

function concerns(change: Change, value: Source): boolean {
  return change.tags === null || change.tags.some((tag) => value.tags.includes(tag));
}

/** The first of a sorted list that began after a moment. */
function firstAfter(list: readonly Taking[], moment: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle]?.from ?? Infinity) > moment) high = middle;
    else low = middle + 1;
  }
  return low;
}

function nameOf(taking: Taking): string {
  return taking.type === 'put' ? `the write of ${taking.id}` : `${taking.what} by ${taking.process}`;
}

function describe(event: HistoryEvent, zero: number): string {
  const from = (event.from - zero).toFixed(2).padStart(10);
  const to = (event.to - zero).toFixed(2).padStart(10);
  const rest = (() => {
    switch (event.type) {
      case 'read':
        return `${event.how} → ${event.value ?? 'nothing'}`;
      case 'put':
      case 'load': {
        const outcome = event.type === 'put' && !event.ok ? ', failed' : '';
        return `${event.type} ${event.id} tags=${event.tags.join('+') || '-'} ttl=${event.ttlMs ?? '-'}${outcome}`;
      }
      case 'change':
        return `${event.what} (${event.mode})${event.ok ? '' : ', failed'}`;
      case 'stall':
        return 'did not run';
      case 'disturbance':
        return event.what;
    }
  })();
  return `  ${from} … ${to}  ${event.process}: ${rest}`;
}
