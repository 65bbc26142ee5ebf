import { groups, optional, seconds, ttlSeconds, withDefault } from '@holdfast/config/part';

const before = 'CACHE_TRACKING';

/** How long entries of some built-in namespaces live. */
export const cacheVariables = {
  CACHE_TIMEOUT: withDefault(
    groups.cache,
    seconds,
    '300',
    'In seconds: when a mirrored instance is stale, and the TTL of `api-responses`.',
    { before },
  ),
  NOVITA_API_CACHE_TTL: optional(groups.cache, ttlSeconds, 'In seconds: TTL of `api-responses`.', {
    fallbackNote: 'CACHE_TIMEOUT',
    example: '300',
    before,
  }),
  COMPREHENSIVE_CACHE_TTL: withDefault(groups.cache, ttlSeconds, '60', 'In seconds: TTL of `comprehensive`.', {
    before,
  }),
} as const;
