import { duration, field, flag, name, named, says, section, wholeNumber } from '@holdfast/config/part';
import { Type } from 'typebox';
import type { Static } from 'typebox';

const pages = section(
  {
    kind: Type.Literal('page', says('page or none', '`page`: numbered pages, from 1. `none`: one answer.')),
    pageParam: field('Query parameter with the number of the page.'),
    sizeParam: field('Query parameter with the number of items a page.'),
    size: wholeNumber(1, 10_000, 'Items a page.'),
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
    maxPages: Type.Optional(wholeNumber(1, 100_000, 'A collection with more pages is refused. Default: 1000.')),
    maxItems: Type.Optional(wholeNumber(1, 10_000_000, 'A collection with more items is refused. Default: 100000.')),
    maxPageBytes: Type.Optional(wholeNumber(1024, 1_073_741_824, 'A larger answer is refused. Default: 16777216.')),
    allowEmpty: Type.Optional(flag('Whether an empty collection is believed, and everything removed. Default: false.')),
  },
  'A remote collection that is mirrored into the cache.',
);

/** What holdfast.yaml says of sources. */
export const sourceSections = {
  sources: named(source, 'Mirrored collections by name; added to the built-in ones, or changing them.'),
} as const;

export type FileSource = Static<typeof source>;
