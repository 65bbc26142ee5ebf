import type { PartInput } from '@holdfast/config/part';
import type { sourceSections } from './schema.ts';
import type { sourceVariables } from './variables.ts';

type Input = PartInput<typeof sourceVariables, typeof sourceSections>;

/** Notes an upstream that nobody asks, or that is not there for those who would. */
export function warnOfUpstream(
  { values, given, hasSources }: Pick<Input, 'values' | 'given'> & { readonly hasSources: boolean },
  warnings: string[],
): void {
  if (given.has('NOVITA_API_BASE_URL')) {
    if (!hasSources) warnings.push('NOVITA_API_BASE_URL is not used, because every source is turned off');
  } else if (given.has('NOVITA_API_KEY')) {
    warnings.push('NOVITA_API_KEY is not used, because NOVITA_API_BASE_URL is not set');
  } else if (values.NODE_ENV === 'production' && hasSources) {
    warnings.push(
      'NOVITA_API_BASE_URL is not set: nothing is mirrored, and sources answer with what they hold; set it, or turn the sources off (enabled: false)',
    );
  }
}
