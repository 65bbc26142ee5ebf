import { definePart, disabledIn, record } from '@holdfast/config/part';
import { sourceSync } from '@holdfast/jobs';
import { cachePart } from '../../cache/config/part.ts';
import { defaultSoftTtlMs } from '../../cache/config/preset-namespaces.ts';
import { queuesPart } from '../../queues/config/part.ts';
import { mergeSources } from './merge.ts';
import { sourceSections } from './schema.ts';
import type { SourcesSettings } from './settings.ts';
import { sourceVariables } from './variables.ts';
import { warnOfUpstream } from './warnings.ts';

/** The sources: each tells the cache which namespace it mirrors, and the cache says when an item of it is stale. */
export const sourcesPart = definePart({
  name: 'sources',
  needs: { cache: cachePart, queues: queuesPart },
  variables: sourceVariables,
  file: sourceSections,
  draft({ file, problems, warnings, needs }) {
    const sources = mergeSources(file.sources ?? {}, problems);
    const disabled = disabledIn(file.sources ?? {});
    for (const name of disabled) sources.delete(name);
    for (const [name, { namespace }] of sources) {
      const other = needs.cache.mirrored.add(namespace, name);
      if (other === undefined) continue;
      problems.add(`sources.${name}.namespace`, `is written by the source ${other} already`, 'a namespace of its own');
    }
    if (needs.queues.disabled.includes(sourceSync.name) && sources.size > 0) {
      warnings.push(
        'queues.source-sync is turned off: no source is synced any more, and sources answer with what they hold',
      );
    }
    return { sources, disabled };
  },
  read({ values, given, warnings, needs, draft }): SourcesSettings {
    const { sources, disabled } = draft;
    warnOfUpstream({ values, given, hasSources: sources.size > 0 }, warnings);
    return {
      byName: record(
        [...sources].map(([name, source]) => {
          const softTtlMs = needs.cache.namespaces[source.namespace]?.softTtlMs ?? defaultSoftTtlMs;
          return [name, { name, ...source, softTtlMs }];
        }),
      ),
      disabled,
      upstream: {
        baseUrl: values.NOVITA_API_BASE_URL ?? null,
        ...(values.NOVITA_API_KEY !== undefined && { apiKey: values.NOVITA_API_KEY }),
      },
    };
  },
});
