import { Type } from 'typebox';
import type { Static, TSchema } from 'typebox';
import type { Sections } from './part.ts';
import { section, wholeNumber } from './schema-parts.ts';

/** The sections of holdfast.yaml that are of Holdfast itself. Each part describes those of its own. */
export const baseSections = {
  server: section(
    {
      bodyLimitBytes: Type.Optional(
        wholeNumber(
          1024,
          1_073_741_824,
          'The largest body of a request that writes an entry, or has many items; bodies of others have at most 64 KiB. Default: 16777216.',
        ),
      ),
      jobLimitBytes: Type.Optional(
        wholeNumber(
          1024,
          1_073_741_824,
          'The largest body of a request that adds one job, such as a delivery, or writes a schedule. Its data has at most 1 MiB. Default: 1114112 (1 MiB, and 64 KiB for the rest).',
        ),
      ),
    },
    'The API.',
  ),
} as const satisfies Sections;

/** What is right in a holdfast.yaml. */
export type ConfigFile = {
  readonly [Name in keyof typeof baseSections]?: Static<(typeof baseSections)[Name]>;
} & Readonly<Record<string, unknown>>;

/** What a holdfast.yaml may hold with these parts, in the order of the reference. Everything else is an error. */
export function fileSchemaOf(parts: readonly { readonly file: Sections }[]) {
  const sections = [baseSections, ...parts.map(({ file }) => file)].flatMap((each) => Object.entries<TSchema>(each));
  const properties = sections.map(([name, schema]) => [name, Type.Optional(schema)]);
  return section(Object.fromEntries(properties), 'The configuration file of Holdfast.');
}
