import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { createClient } from '../src/engines/ioredis-client.ts';
import { errorReplies } from '../src/error-replies.ts';
import { createKeys, type Keys } from '../src/keys.ts';

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/reference/${name}.md`, import.meta.url), 'utf8');

/** What stands in backquotes in the first column of the tables of a page. */
const firstColumn = (name: string): string[] =>
  [...page(name).matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] ?? '');

describe('docs/reference/redis.md', () => {
  it('names every client option that departs from the default of ioredis', () => {
    const tls = { ca: 'ca', cert: 'cert', key: 'key', serverName: 'redis.internal' };
    const client = createClient(
      {
        name: 'cache',
        target: { kind: 'standalone', host: 'redis.internal', port: 6380, db: 1, username: 'u', password: 'p', tls },
      },
      'commands',
    );
    const plain = new Redis({ lazyConnect: true });
    const options: Record<string, unknown> = { ...client.options };
    const defaults: Record<string, unknown> = { ...plain.options };
    client.disconnect();
    plain.disconnect();
    const departing = Object.keys(options).filter((name) => options[name] !== defaults[name]);

    // `lazyConnect` was set for the comparison as well.
    expect(firstColumn('redis')).toEqual(expect.arrayContaining([...departing, 'lazyConnect']));
  });

  it('has a row for each error reply that is about more than its call', () => {
    const rows = Object.entries(errorReplies).map(([word, { error, when, isRepeated, effect }]) => {
      const { code, status } = new error('');
      return `| \`${word}\` | ${when} | \`${code}\`, ${status} | ${isRepeated ? 'yes' : 'no'} | ${effect} |`;
    });
    const lines = page('redis').split('\n');
    expect(rows.filter((row) => !lines.includes(row))).toEqual([]);
  });
});

describe('docs/reference/keys.md', () => {
  it('has every key that the package can make', () => {
    const keys = createKeys('prefix');
    const complete = Object.entries(keys).filter(
      (entry): entry is [keyof Keys, (...parts: string[]) => string] =>
        typeof entry[1] === 'function' && !/Prefix$|Root$|Of$/.test(entry[0]),
    );
    // `<part>` stands for what is filled in, and what follows `…` is somebody else's.
    const patterns = firstColumn('keys').map((pattern) => pattern.replace(/:…$/, '').replaceAll(/<[^>]+>/g, 'part'));
    const bullmq = /:part$/;

    const undocumented = complete
      .map(([name, make]) => [name, make('part', 'part')])
      .filter(([, key = '']) => !patterns.some((pattern) => pattern === key || pattern.replace(bullmq, '') === key));
    expect(undocumented).toEqual([]);
  });
});
