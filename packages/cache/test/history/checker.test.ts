import { describe, expect, test } from 'vitest';
import { check } from './checker.ts';
import type { Change, HistoryEvent, Load, Put, Read } from './events.ts';

const key = 'ns/k';

function put(id: string, from: number, to: number, rest: Partial<Put> = {}): Put {
  return { type: 'put', process: 'writer', id, key, from, to, ok: true, tags: [], ttlMs: null, ...rest };
}
function load(id: string, from: number, to: number, rest: Partial<Load> = {}): Load {
  return { type: 'load', process: 'writer', id, key, from, to, tags: [], ttlMs: null, ...rest };
}
function change(from: number, to: number, rest: Partial<Change> = {}): Change {
  const what = 'delete';
  return {
    type: 'change',
    process: 'writer',
    what,
    mode: 'delete',
    keys: [key],
    tags: null,
    from,
    to,
    ok: true,
    ...rest,
  };
}
function read(value: string | null, from: number, to: number, rest: Partial<Read> = {}): Read {
  return { type: 'read', process: 'reader', how: 'get', key, from, to, value, ...rest };
}

/** With 100 ms for the delivery: the rules that the reads of a history break. */
describe.each<[string, HistoryEvent[], string[]]>([
  ['a value that was written', [put('a', 0, 1), read('a', 2, 3)], []],
  ['a value while it is written', [put('a', 0, 9), read('a', 2, 3)], []],
  ['a value that nobody wrote', [read('a', 2, 3)], ['known']],
  ['a value that is written later', [read('a', 2, 3), put('a', 4, 5)], ['known']],
  ['a value of another key', [put('a', 0, 1, { key: 'ns/other' }), read('a', 2, 3)], ['known']],
  ['an overwritten value, soon after', [put('a', 0, 1), put('b', 2, 3), read('a', 90, 91)], []],
  ['an overwritten value, long after', [put('a', 0, 1), put('b', 2, 3), read('a', 104, 105)], ['superseded']],
  [
    'an overwritten value, after the reader did not run',
    [put('a', 0, 1), put('b', 2, 3), { type: 'stall', process: 'reader', from: 1, to: 60 }, read('a', 104, 105)],
    [],
  ],
  [
    'an overwritten value, after another did not run',
    [put('a', 0, 1), put('b', 2, 3), { type: 'stall', process: 'writer', from: 1, to: 60 }, read('a', 104, 105)],
    ['superseded'],
  ],
  [
    'an overwritten value by who overwrote it, at once',
    [put('a', 0, 1), put('b', 2, 3, { process: 'reader' }), read('a', 4, 5)],
    ['superseded'],
  ],
  ['one of two that were written at once', [put('a', 0, 9), put('b', 5, 6), read('a', 204, 205)], []],
  ['a value whose overwriting failed', [put('a', 0, 1), put('b', 2, 3, { ok: false }), read('a', 204, 205)], []],
  ['a value whose writing failed', [put('a', 0, 1, { ok: false }), read('a', 204, 205)], []],
  [
    'a value whose writing failed before another was written',
    [put('a', 0, 1, { ok: false }), put('b', 2, 3), read('a', 204, 205)],
    ['superseded'],
  ],
  ['a deleted value', [put('a', 0, 1), change(2, 3), read('a', 204, 205)], ['superseded']],
  ['a value loaded from before a delete', [load('a', 0, 150), change(2, 3), read('a', 204, 205)], ['superseded']],
  [
    'a value loaded from before a delete, by who asked before it',
    [load('a', 1, 150), change(2, 3), read('a', 0, 151, { how: 'getOrSet' })],
    [],
  ],
  ['a value loaded from after a delete', [change(2, 3), load('a', 4, 150), read('a', 204, 205)], []],
  [
    'a value whose tag was invalidated',
    [put('a', 0, 1, { tags: ['t'] }), change(2, 3, { tags: ['t'] }), read('a', 204, 205)],
    ['superseded'],
  ],
  ['a value of another tag', [put('a', 0, 1, { tags: ['u'] }), change(2, 3, { tags: ['t'] }), read('a', 204, 205)], []],
  ['an expired value', [put('a', 0, 1), change(2, 3, { mode: 'expire' }), read('a', 204, 205)], ['superseded']],
  [
    'an expired value by who has a loader',
    [put('a', 0, 1), change(2, 3, { mode: 'expire' }), read('a', 204, 205, { how: 'getOrSet' })],
    [],
  ],
  ['a value after its time', [put('a', 0, 1, { ttlMs: 50 }), read('a', 204, 205)], ['expired']],
  ['nothing where nothing was written', [read(null, 204, 205)], []],
  ['nothing where something was written', [put('a', 0, 1), read(null, 204, 205)], ['lost']],
  ['nothing after a delete', [put('a', 0, 1), change(2, 3), read(null, 204, 205)], []],
  ['nothing after a delete that may not have ended', [change(0, 9), put('a', 1, 2), read(null, 204, 205)], []],
  ['nothing after a delete from before', [change(0, 1), put('a', 2, 3), read(null, 204, 205)], ['lost']],
  ['nothing after a delete that may have failed', [put('a', 0, 1), change(2, 3, { ok: false }), read(null, 9, 10)], []],
  ['nothing after its time', [put('a', 0, 1, { ttlMs: 50 }), read(null, 204, 205)], []],
  [
    'nothing after the invalidation of another tag',
    [put('a', 0, 1, { tags: ['u'] }), change(2, 3, { tags: ['t'] }), read(null, 204, 205)],
    ['lost'],
  ],
])('%s', (_what, events, rules) => {
  test(rules.length === 0 ? 'may be read' : `is reported as ${rules.join(', ')}`, () => {
    const { violations } = check(events, { deliveryMs: 100 });
    expect(violations.map(({ rule }) => rule)).toEqual(rules);
  });
});
