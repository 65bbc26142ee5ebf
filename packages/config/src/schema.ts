import { Type } from 'typebox';
import type { Static } from 'typebox';
import { queuesSchema, type FileQueue } from './queue-schema.ts';
import { duration, field, flag, integer, name, named, says, section, share, ttl } from './schema-parts.ts';

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
      integer(1, 100_000_000, 'Beyond it the entries that were used longest ago go. Not for a mirrored namespace.'),
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

const pages = section(
  {
    kind: Type.Literal('page', says('page or none', '`page`: numbered pages, from 1. `none`: one answer.')),
    pageParam: field('Query parameter with the number of the page.'),
    sizeParam: field('Query parameter with the number of items a page.'),
    size: integer(1, 10_000, 'Items a page.'),
    totalField: Type.Optional(field('Field of the answer with the number of all items.')),
  },
  'The collection comes in numbered pages.',
);

const onePage = section(
  { kind: Type.Literal('none', says('page or none', '`page`: numbered pages, from 1. `none`: one answer.')) },
  'The whole collection comes in one answer.',
);

const source = section(
  {
    enabled: Type.Optional(
      flag(
        'Whether the source is there. One that is turned off is not synced and not served (404 SOURCE_DISABLED); its namespace stays, as one of the cache. Default: true.',
      ),
    ),
    namespace: Type.Optional(name('The cache namespace that it is mirrored into. Default: the name of the source.')),
    path: Type.Optional(
      Type.String({
        pattern: '^/[^\\s#]{0,1023}$',
        ...says(
          'a path that starts with "/"; it may carry a fixed query',
          'Path of the collection, below NOVITA_API_BASE_URL. Required in a new source.',
        ),
      }),
    ),
    itemsField: Type.Optional(
      Type.String({
        pattern: '^([A-Za-z_][A-Za-z0-9_.-]{0,63})?$',
        ...says(
          '1 to 64 letters, digits, "_", "." or "-"; empty where the answer itself is the array',
          'Field of the answer that holds the array of items; dots descend. Required in a new source.',
        ),
      }),
    ),
    idField: Type.Optional(field('Field of an item that identifies it. Required in a new source.')),
    pagination: Type.Optional(
      Type.Union(
        [pages, onePage],
        says('a mapping with kind: page or kind: none', 'How the collection is split. Default: `kind: none`.'),
      ),
    ),
    timeout: Type.Optional(duration('Deadline of one request, at most 24d. Default: 10s.')),
    maxPages: Type.Optional(integer(1, 100_000, 'A collection with more pages is refused. Default: 1000.')),
    maxItems: Type.Optional(integer(1, 10_000_000, 'A collection with more items is refused. Default: 100000.')),
    maxPageBytes: Type.Optional(integer(1024, 1_073_741_824, 'A larger answer is refused. Default: 16777216.')),
    allowEmpty: Type.Optional(flag('Whether an empty collection is believed, and everything removed. Default: false.')),
  },
  'A remote collection that is mirrored into the cache.',
);

/** What holdfast.yaml may hold. Everything else is an error. */
export const fileSchema = section(
  {
    server: Type.Optional(
      section(
        { bodyLimitBytes: Type.Optional(integer(1024, 1_073_741_824, 'The largest request body. Default: 16777216.')) },
        'The API.',
      ),
    ),
    cache: Type.Optional(
      section(
        {
          allowUndeclared: Type.Optional(flag('Whether a namespace that is not declared may be used. Default: false.')),
          maxValueBytes: Type.Optional(integer(1, 536_870_912, 'The largest value of an entry. Default: 8388608.')),
          l1: Type.Optional(
            section(
              {
                maxBytes: Type.Optional(
                  integer(
                    0,
                    68_719_476_736,
                    'Bytes that each process keeps of it; 0 keeps nothing. Default: 67108864.',
                  ),
                ),
                maxStale: Type.Optional(
                  duration('How long an entry is kept where Redis reports no changes (Upstash, Cluster). Default: 1s.'),
                ),
              },
              'The first tier: entries that a process keeps in its memory, until Redis reports a change.',
            ),
          ),
          namespaces: Type.Optional(
            named(namespace, 'Namespaces by name; added to the built-in ones, or changing them.'),
          ),
        },
        'The cache.',
      ),
    ),
    entities: Type.Optional(named(entity, 'Entity types by name; added to the built-in ones, or changing them.')),
    queues: Type.Optional(Type.Unsafe<Readonly<Record<string, FileQueue>>>(queuesSchema)),
    outbox: Type.Optional(
      section(
        {
          maxBytes: Type.Optional(
            integer(
              1_048_576,
              1_099_511_627_776,
              'Bytes of jobs that it takes; beyond it, adding a job answers 503. Default: 268435456.',
            ),
          ),
          maxJobs: Type.Optional(integer(1, 100_000_000, 'Jobs that it takes. Default: 1000000.')),
          minFreeBytes: Type.Optional(
            integer(0, 1_099_511_627_776, 'Bytes of its disk that it leaves free. Default: 67108864.'),
          ),
        },
        'Where an API process keeps jobs while their Redis is away: a file in HOLDFAST_DATA_DIR.',
      ),
    ),
    sources: Type.Optional(
      named(source, 'Mirrored collections by name; added to the built-in ones, or changing them.'),
    ),
  },
  'The configuration file of Holdfast.',
);

export type ConfigFile = Static<typeof fileSchema>;
