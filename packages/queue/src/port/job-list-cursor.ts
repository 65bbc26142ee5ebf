import { canBeAskedFor } from '../job/job-id.ts';
import { maxCursorLength } from '../job/limits.ts';
import { isListedState, type ListedState } from '../job/listed-states.ts';

/**
 * Where a list of jobs goes on: in this state, behind this job. A place instead of a number of jobs to skip, so that it
 * stays right when jobs before it come, go or change their state in the meantime.
 */
export interface JobListCursor {
  readonly state: ListedState;
  /** Behind which place and job; absent at the beginning of the state. */
  readonly after?: JobListPlace;
}

/** `place` is the backend's own: a score, a distance, two numbers. */
export interface JobListPlace {
  readonly place: string;
  readonly id: string;
}

const grammar = /^([a-z-]{1,20})(?:\n(-?[\d.,]{1,64})\n(.+))?$/s;

export function writeJobListCursor({ state, after }: JobListCursor): string {
  const text = after === undefined ? state : `${state}\n${after.place}\n${after.id}`;
  return Buffer.from(text).toString('base64url');
}

/** `undefined` for what this cannot have written. Whether the place is one, only the backend knows. */
export function parseJobListCursor(text: string): JobListCursor | undefined {
  if (typeof text !== 'string' || text.length > maxCursorLength) return undefined;
  const [, state, place, id] = grammar.exec(Buffer.from(text, 'base64url').toString()) ?? [];
  if (state === undefined || !isListedState(state)) return undefined;
  if (place === undefined || id === undefined) return { state };
  if (!canBeAskedFor(id)) return undefined;
  return { state, after: { place, id } };
}
