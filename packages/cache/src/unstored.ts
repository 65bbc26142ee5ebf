/**
 * Why a value that was loaded was not stored, so that the next caller loads again:
 * - `l2-failed`: Redis could not be asked, or refused to store it
 * - `too-large`: it has more bytes than `maxValueBytes` allows
 * - `not-serializable`: it holds what cannot be stored, such as a function
 * - `overtaken`: the key was written, deleted or invalidated meanwhile
 * - `foreign`: the key holds something that only an explicit write may replace
 * - `off`: the namespace stores nothing
 */
export type UnstoredReason = 'l2-failed' | 'too-large' | 'not-serializable' | 'overtaken' | 'foreign' | 'off';

export interface Unstored {
  readonly reason: UnstoredReason;
  /** What was wrong; `null` where nothing was: somebody else was first. */
  readonly error: Error | null;
}
