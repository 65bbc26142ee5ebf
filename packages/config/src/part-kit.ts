/** What a part of the configuration is made of: `@holdfast/config/part`. */
export { definePart } from './part.ts';
export type { ConfigPart, NeededParts, PartInput, Sections, SettingsOf } from './part.ts';
export { ValueError } from './errors.ts';
export type { ProblemList } from './errors.ts';
export type { ReadSecret } from './read-environment.ts';
export { groups, optional, withDefault } from './variable.ts';
export type { Variable, VariableGroup, Variables } from './variable.ts';
export {
  baseUrl,
  boolean,
  hostName,
  integer,
  milliseconds,
  names,
  oneOf,
  seconds,
  text,
  ttlSeconds,
  webUrl,
} from './value-types.ts';
export type { ValueType } from './value-types.ts';
export { bearerToken, isPlaceholder, password, refuseQuotes } from './secret-types.ts';
export { duration, field, flag, name, named, says, section, share, ttl, wholeNumber } from './schema-parts.ts';
export { durationBounds } from './duration-bounds.ts';
export type { DurationBounds } from './duration-bounds.ts';
export { DurationReader, readDuration } from './duration-reader.ts';
export { parseTtl } from './duration.ts';
export { disabledIn, record } from './record.ts';
