import { builtInQueues, httpDelivery, sourceSync, sourceSyncSchedules } from '../src/index.ts';
import { describe, expect, it } from 'vitest';
import { Check } from 'typebox/value';

const deliverable = (data: unknown): boolean => Check(httpDelivery.payload, data);
const at = 'https://example.com/hook';

describe('the payload of http-delivery', () => {
  it.each<[string, unknown]>([
    ['a URL alone', { url: at }],
    ['plain http, a port, a query', { url: 'http://127.0.0.1:8080/a?b=c' }],
    ['a method', { url: at, method: 'DELETE' }],
    ['headers', { url: at, headers: { 'x-trace': 'abc', accept: '*/*' } }],
    ['a body of text', { url: at, body: 'text' }],
    ['a body of JSON', { url: at, body: { a: [1, null] } }],
    ['a body of null', { url: at, body: null }],
    ['a timeout in milliseconds', { url: at, timeout: 1500 }],
    ['a timeout with its unit', { url: at, timeout: '30s' }],
    ['a URL for failures', { url: at, failureUrl: 'https://example.com/failed' }],
  ])('takes %s', (_what, data) => expect(deliverable(data)).toBe(true));

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no URL', {}],
    ['a relative URL', { url: '/hook' }],
    ['another scheme', { url: 'file:///etc/passwd' }],
    ['white space in the URL', { url: 'https://example.com/a b' }],
    ['a URL without a host', { url: 'https:///path' }],
    ['a URL of 3 kB', { url: `${at}/${'a'.repeat(3000)}` }],
    ['an unknown field', { url: at, retries: 3 }],
    ['a method in lower case', { url: at, method: 'post' }],
    ['CONNECT', { url: at, method: 'CONNECT' }],
    ['a header that is a number', { url: at, headers: { a: 1 } }],
    ['a line break in a header', { url: at, headers: { a: 'x\r\ny: z' } }],
    ['a header name with a space', { url: at, headers: { 'a b': 'x' } }],
    ['51 headers', { url: at, headers: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`h${n}`, ''])) }],
    ['a header of 5 kB', { url: at, headers: { a: 'x'.repeat(5000) } }],
    ['a timeout over a minute', { url: at, timeout: 60_001 }],
    ['a timeout over a minute, as text', { url: at, timeout: '61s' }],
    ['a timeout of 0', { url: at, timeout: 0 }],
    ['a number as text', { url: at, timeout: '1500' }],
  ])('refuses %s', (_what, data) => expect(deliverable(data)).toBe(false));

  // A regular expression in an answer is a riddle, not an explanation.
  it('says in words what its patterns mean', () => {
    const withoutWords = (part: unknown, explained: boolean): unknown[] => {
      if (typeof part !== 'object' || part === null) return [];
      const isExplained = explained || 'errorMessage' in part;
      const here = 'pattern' in part && typeof part.pattern === 'string' && !isExplained ? [part] : [];
      return [...here, ...Object.values(part).flatMap((value) => withoutWords(value, isExplained))];
    };
    for (const { payload } of builtInQueues) expect(withoutWords(payload, false)).toEqual([]);
  });
});

describe('the payload of source-sync', () => {
  it('is the name of a source and nothing else', () => {
    expect(Check(sourceSync.payload, { source: 'instances' })).toBe(true);
    expect(Check(sourceSync.payload, {})).toBe(false);
    expect(Check(sourceSync.payload, { source: '' })).toBe(false);
    expect(Check(sourceSync.payload, { source: 'instances', force: true })).toBe(false);
  });
});

describe('the schedules of the sources', () => {
  it('are one a source, each of which brings a payload that its queue takes, and runs at start', () => {
    const schedules = sourceSyncSchedules(['instances', 'products']);
    expect(schedules.map(({ id }) => id)).toEqual(['instances', 'products']);
    for (const { queue, data, runAtStart } of schedules) {
      expect(queue).toBe(sourceSync.name);
      expect(Check(sourceSync.payload, data)).toBe(true);
      expect(runAtStart).toBe(true);
    }
  });
});
