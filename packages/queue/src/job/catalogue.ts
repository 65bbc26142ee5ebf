import type { Static, TSchema } from 'typebox';
import type { QueueDefinition } from './define-queue.ts';

/**
 * Definitions of queues. One that is a tuple of constants knows their names and their data when it is compiled; a plain
 * `QueueDefinition[]` is open: any name, any data. In one that has both, as `readonly [typeof mail, ...QueueDefinition[]]`,
 * what is known is checked, and every other name is open.
 */
export type Catalogue = readonly QueueDefinition[];

/** The names of its queues; `string` where some are only known at run time. */
export type NameOf<Known extends Catalogue> = Known[number]['name'];

/** What the jobs of a queue carry. */
export type DataOf<Definition extends QueueDefinition> = Definition extends QueueDefinition
  ? StaticOf<Definition['payload']>
  : never;

/** What the handler of a queue returns; `unknown` where its definition does not say. */
export type ResultOf<Definition extends QueueDefinition> =
  Definition extends QueueDefinition<string, TSchema, infer Result> ? StaticOf<Result> : never;

/** The definition of a name: of a name that is only known at run time, what all such have in common. */
export type DefinitionOf<Known extends Catalogue, Name extends string> = string extends Name
  ? OpenDefinition<Known[number]>
  : [Named<Known[number], Name>] extends [never]
    ? OpenDefinition<Known[number]>
    : Named<Known[number], Name>;

/** What may be added to a queue: where the name is one of several, what fits all of them. */
export type AcceptedData<Known extends Catalogue, Name extends string> =
  Takes<DefinitionOf<Known, Name>> extends (data: infer Data) => void ? Data : never;

type Named<Definition extends QueueDefinition, Name extends string> = Extract<Definition, { readonly name: Name }>;

type OpenDefinition<Definition extends QueueDefinition> = Definition extends QueueDefinition
  ? string extends Definition['name']
    ? Definition
    : never
  : never;

type Takes<Definition extends QueueDefinition> = Definition extends QueueDefinition
  ? (data: DataOf<Definition>) => void
  : never;

/** As TypeBox' `Static`, which takes the compiler seconds to find out that it knows nothing of a schema that is any. */
type StaticOf<Schema extends TSchema> = TSchema extends Schema ? unknown : Static<Schema>;
