import type { SourceOptions } from '@holdfast/sources';
import { pagesOf, startHttp } from './http-fixture.ts';
import type { Answer, HttpFixture } from './http-fixture.ts';
import { openMirror, targetOf } from './mirror-fixture.ts';
import type { FixtureEngine, MirrorFixture } from './mirror-fixture.ts';

interface Thing {
  id: string;
  size: number;
}

/** One thing for each letter of `ids`. */
export const things = (ids: string, size = 1): Thing[] => ids.split('').map((id) => ({ id, size }));

/** What the cache has of them. */
export const stored = (ids: string, size = 1): Record<string, string> =>
  Object.fromEntries(things(ids, size).map((thing) => [thing.id, JSON.stringify(thing)]));

export interface ThingsFixture extends MirrorFixture {
  readonly upstream: HttpFixture;
  /** What the upstream has from now on. */
  readonly collection: { items: Thing[] };
  /** The answer of an upstream that is well. */
  readonly pages: Answer;
}

/** A mirror of an upstream that has one thing for each letter of `ids`. */
export async function openThings(
  kind: FixtureEngine,
  ids: string,
  source: Partial<SourceOptions> = {},
): Promise<ThingsFixture> {
  const collection = { items: things(ids) };
  const pages = pagesOf(() => collection.items);
  const upstream = await startHttp(pages);
  return { ...openMirror({ url: upstream.url, source, target: targetOf(kind) }), upstream, collection, pages };
}
