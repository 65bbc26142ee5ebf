import { definePart, record } from '@holdfast/config/part';
import { mergeEntities } from './entities.ts';
import { toL1Options } from './l1.ts';
import { MirroredNamespaces } from './mirrored-namespaces.ts';
import { mergeNamespaces } from './namespaces.ts';
import { presetNamespaces } from './preset-namespaces.ts';
import { cacheSections } from './schema.ts';
import type { CacheSettings } from './settings.ts';
import { toTuning } from './tuning.ts';
import { cacheVariables } from './variables.ts';
import { warnOfTtlTwice } from './warnings.ts';

/** The cache: its namespaces, and the entity types that its entries are about. A source tells it what is mirrored. */
export const cachePart = definePart({
  name: 'cache',
  variables: cacheVariables,
  file: cacheSections,
  draft: () => ({ mirrored: new MirroredNamespaces() }),
  read({ values, given, file, problems, warnings, draft }): CacheSettings {
    const presets = presetNamespaces({
      instancesSoftMs: values.CACHE_TIMEOUT,
      apiResponsesMs: values.NOVITA_API_CACHE_TTL === undefined ? values.CACHE_TIMEOUT : values.NOVITA_API_CACHE_TTL,
      comprehensiveMs: values.COMPREHENSIVE_CACHE_TTL,
    });
    const namespaces = mergeNamespaces(presets, file.cache?.namespaces ?? {}, draft.mirrored, problems);
    const allowUndeclared = file.cache?.allowUndeclared ?? false;
    warnOfTtlTwice(given, file.cache?.namespaces ?? {}, warnings);
    return {
      allowUndeclared,
      maxValueBytes: file.cache?.maxValueBytes ?? 8 * 1024 * 1024,
      l1: toL1Options(file.cache?.l1 ?? {}, problems),
      ...toTuning(file.cache ?? {}, problems),
      namespaces: record(namespaces),
      entities: record(
        mergeEntities(file.entities ?? {}, allowUndeclared ? null : new Set(namespaces.keys()), problems),
      ),
    };
  },
});
