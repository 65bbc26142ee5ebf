import { durationBounds, readDuration, type ProblemList } from '@holdfast/config/part';
import { type PresetSource, presetSources, sourceDefaults } from './preset-sources.ts';
import type { FileSource } from './schema.ts';

/** The presets with the file on top, field by field for what has a name in both; those that are turned off as well. */
export function mergeSources(
  file: Readonly<Record<string, FileSource>>,
  problems: ProblemList,
): Map<string, PresetSource> {
  const sources = new Map(Object.entries(presetSources));
  for (const [name, given] of Object.entries(file)) {
    const base = sources.get(name);
    for (const field of ['path', 'itemsField', 'idField'] as const) {
      if ((given[field] ?? base?.[field]) === undefined) problems.add(`sources.${name}.${field}`, 'is missing');
    }
    sources.set(name, { ...(base ?? newSource(name)), ...sourceFields(name, given, problems) });
  }
  return sources;
}

function newSource(name: string): PresetSource {
  return { ...sourceDefaults, namespace: name, path: '', itemsField: '', idField: '' };
}

function sourceFields(name: string, given: FileSource, problems: ProblemList): Partial<PresetSource> {
  const { timeout, enabled: _enabled, ...rest } = given;
  if (timeout === undefined) return rest;
  return { ...rest, timeoutMs: readDuration(timeout, `sources.${name}.timeout`, durationBounds.wait, problems) };
}
