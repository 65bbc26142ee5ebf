import type { Static, TSchema } from 'typebox';
import type { ProblemList } from './errors.ts';
import type { ReadSecret } from './read-environment.ts';
import type { ValuesOf, Variables } from './variable.ts';
import type { BaseVariables } from './variables.ts';

/** Top-level sections of holdfast.yaml, by name. */
export type Sections = Readonly<Record<string, TSchema>>;

/** As TypeBox' `Static`, which takes the compiler seconds to find out that it knows nothing of a schema that is any. */
type StaticOf<Schema extends TSchema> = TSchema extends Schema ? unknown : Static<Schema>;

/** The parts that a part needs, by the name that it gives them. */
export interface NeededParts {
  readonly [name: string]: ConfigPart;
}

/** What a part makes its settings of. */
export interface PartInput<Declared extends Variables, Described extends Sections> {
  /** Its own variables and those of Holdfast itself. A variable that is wrong has its default here. */
  readonly values: ValuesOf<BaseVariables> & ValuesOf<Declared>;
  /** Which variables were set, rightly or wrongly. */
  readonly given: ReadonlySet<keyof BaseVariables | (keyof Declared & string)>;
  /** Its sections of holdfast.yaml, without what is wrong in them. */
  readonly file: { readonly [Name in keyof Described]?: StaticOf<Described[Name]> };
  /** Where holdfast.yaml is, or would be: relative paths in it begin there. Absolute. */
  readonly directory: string;
  /** Takes what is wrong: all of it is reported at once, and settings are then not used. */
  readonly problems: ProblemList;
  /** Takes what is not wrong but probably not meant: one line each, free of secrets. */
  readonly warnings: string[];
  /** Reads a secret of which only holdfast.yaml knows the name. */
  readonly readSecret: ReadSecret;
}

/**
 * A part of the configuration that is somebody's own: its variables, its sections of holdfast.yaml, and what is made of
 * them. `loadConfig` puts the settings under the name of the part.
 *
 * It happens in two steps, each in the order of the list. First every part drafts: it says what others may still change
 * of it, and changes the drafts of the parts that it needs. Then every part makes its settings. (Both are methods, which
 * TypeScript compares loosely enough for a list of any parts.)
 */
export interface ConfigPart<
  Name extends string = string,
  Settings = unknown,
  Draft = unknown,
  Declared extends Variables = Variables,
  Described extends Sections = Sections,
  Needs extends NeededParts = NeededParts,
> {
  readonly name: Name;
  /** Parts that stand before it in the list, and that know nothing of it. */
  readonly needs?: Needs;
  readonly variables: Declared;
  readonly file: Described;
  draft?(input: PartInput<Declared, Described> & { readonly needs: DraftsOf<Needs> }): Draft;
  read(
    input: PartInput<Declared, Described> & { readonly needs: SettingsOfEach<Needs>; readonly draft: Draft },
  ): Settings;
}

/** What `loadConfig` gives for a part. */
export type SettingsOf<Part extends ConfigPart> = ReturnType<Part['read']>;

type DraftsOf<Needs extends NeededParts> = {
  readonly [Name in keyof Needs]: ReturnType<NonNullable<Needs[Name]['draft']>>;
};

type SettingsOfEach<Needs extends NeededParts> = { readonly [Name in keyof Needs]: SettingsOf<Needs[Name]> };

/** Returns the part as it is: what it is given, and what it gives, is inferred from its variables and sections. */
export function definePart<
  const Name extends string,
  Settings,
  Draft,
  Declared extends Variables,
  Described extends Sections,
  Needs extends NeededParts,
>(
  part: ConfigPart<Name, Settings, Draft, Declared, Described, Needs>,
): ConfigPart<Name, Settings, Draft, Declared, Described, Needs> {
  return part;
}
