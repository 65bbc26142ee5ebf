import type { Config } from '@holdfast/config';

/** What the configuration says of the cache. */
export type CacheSettings = Config['cache'] & Pick<Config, 'entities'>;

export const cacheConfig = {
  settings: ({ cache, entities }: Config): CacheSettings => ({ ...cache, entities }),
};
