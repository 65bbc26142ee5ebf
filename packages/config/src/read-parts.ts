import type { ConfigPart, NeededParts, PartInput, Sections } from './part.ts';
import type { Variables } from './variable.ts';

/** The settings of each part, by its name: first every part drafts, then every part reads. */
export function readParts(
  parts: readonly ConfigPart[],
  input: PartInput<Variables, Sections>,
): Readonly<Record<string, unknown>> {
  const drafts = new Map<ConfigPart, unknown>();
  for (const part of parts) drafts.set(part, part.draft?.({ ...input, needs: pick(drafts, part.needs) }));
  const settings = new Map<ConfigPart, unknown>();
  for (const part of parts) {
    settings.set(part, part.read({ ...input, needs: pick(settings, part.needs), draft: drafts.get(part) }));
  }
  return Object.fromEntries(parts.map((part) => [part.name, settings.get(part)]));
}

function pick(from: ReadonlyMap<ConfigPart, unknown>, needs: NeededParts = {}): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(needs).map(([name, part]) => [name, from.get(part)]));
}
