import { duration, field, flag, name, named, says, section, share, ttl, wholeNumber } from '@holdfast/config/part';
import { Type } from 'typebox';
import type { Static } from 'typebox';

const namespace = section(
  {
    ttl: Type.Optional(ttl('How long an entry lives. A mirrored namespace must have `none`.')),
    softTtl: Type.Optional(duration('After it an entry is stale: still served, to be refreshed. Below the TTL.')),
    grace: Type.Optional(
      duration('Beyond its TTL, for so long an entry is kept to be served when its loader fails. Default: not at all.'),
    ),
    jitter: Type.Optional(
      share('Makes TTLs up to this share shorter at random, so that entries do not expire together. Default: 0.'),
    ),
    earlyRefresh: Type.Optional(
      share('From this share of its life on, a hit has the loader refresh the entry. Default: not before its end.'),
    ),
    negativeTtl: Type.Optional(duration('How long it is kept that a loader found nothing. Default: not at all.')),
    hardTimeout: Type.Optional(duration('How long a loader may run, at most 24d. Default: 30s.')),
    failureThrottle: Type.Optional(
      duration(
        'After a loader failed while there was something to serve, it is left alone for so long, at most 24d. Default: 1s.',
      ),
    ),
    lease: Type.Optional(
      duration('A process that dies while it loads is replaced after so long, at most 24d. Default: 5s.'),
    ),
    maxEntries: Type.Optional(
      wholeNumber(1, 100_000_000, 'Beyond it the entries that were used longest ago go. Not for a mirrored namespace.'),
    ),
    indexed: Type.Optional(
      flag(
        'Whether Redis keeps an index of the entries, so that lists, sizes and an invalidation of a prefix or of all do not look at all keys of the Redis. One with `maxEntries` and a mirrored one have it anyway. Default: false.',
      ),
    ),
  },
  'A cache namespace.',
);

const entityEdge = section(
  { field: Type.Optional(field('Field of the entry that changed, which holds the ids of the related instances.')) },
  'A type of which related instances are invalidated as well: those tagged `<type>:<id>`, and those that `field` names.',
);

const entity = section(
  {
    namespaces: Type.Optional(
      Type.Array(name('A cache namespace.'), {
        minItems: 1,
        maxItems: 16,
        ...says(
          'a list of 1 to 16 cache namespaces',
          'Where an instance has entries, under its id. Default: the namespace named like the type.',
        ),
      }),
    ),
    invalidates: Type.Optional(
      named(
        entityEdge,
        'Types that depend on this one, by name. Given for a built-in type it replaces the built-in list.',
      ),
    ),
  },
  'A kind of thing that cache entries are about.',
);

/** What holdfast.yaml says of the cache. */
export const cacheSections = {
  cache: section(
    {
      allowUndeclared: Type.Optional(flag('Whether a namespace that is not declared may be used. Default: false.')),
      maxValueBytes: Type.Optional(wholeNumber(1, 536_870_912, 'The largest value of an entry. Default: 8388608.')),
      batchSize: Type.Optional(
        wholeNumber(
          1,
          100,
          'How many entries one command of a bulk call handles at most; 1 handles each by itself. Default: 50 that are written, 500 that are read or removed.',
        ),
      ),
      accessFlushInterval: Type.Optional(
        duration('How often the reads that were counted are written to Redis. Default: 5s.'),
      ),
      sizeRefreshEvery: Type.Optional(
        wholeNumber(
          1,
          1000,
          'After how many writes a process looks whether a namespace is above its `maxEntries`; in a Cluster its index is told of so many together. Default: 10.',
        ),
      ),
      sizeCacheTtl: Type.Optional(
        duration(
          'How old the size of a namespace may be before it is counted anew; 0 counts each time. Default: 60s.',
          0,
        ),
      ),
      l1: Type.Optional(
        section(
          {
            maxBytes: Type.Optional(
              wholeNumber(
                0,
                68_719_476_736,
                'Bytes that each process keeps of it; 0 keeps nothing. Default: 67108864.',
              ),
            ),
            maxStale: Type.Optional(
              duration('How long an entry is kept where Redis reports no changes (Upstash, Cluster). Default: 1s.'),
            ),
          },
          'L1: entries that a process keeps in its memory, until Redis reports a change.',
        ),
      ),
      namespaces: Type.Optional(named(namespace, 'Namespaces by name; added to the built-in ones, or changing them.')),
    },
    'The cache.',
  ),
  entities: named(entity, 'Entity types by name; added to the built-in ones, or changing them.'),
} as const;

export type FileNamespace = Static<typeof namespace>;
export type FileEntity = Static<typeof entity>;
export type FileCache = Static<typeof cacheSections.cache>;
export type FileNamespaces = NonNullable<FileCache['namespaces']>;
