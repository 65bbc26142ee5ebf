/**
 * What is wrong where a value that was loaded is not stored:
 * - `l2-failed`: Redis could not be asked, or refused to store it
 * - `too-large`: it has more bytes than `maxValueBytes` allows
 * - `not-serializable`: it holds what cannot be stored, such as a function
 */
export type UnstorableReason = 'l2-failed' | 'too-large' | 'not-serializable';

/**
 * Why a value that was loaded was not stored, so that the next caller loads again. Nothing is wrong where it is
 * - `overtaken`: the key was written, deleted or invalidated meanwhile
 * - `foreign`: the key holds something that only an explicit write may replace
 * - `off`: the namespace stores nothing
 */
export type Unstored =
  | { readonly reason: UnstorableReason; readonly error: Error }
  | { readonly reason: 'overtaken' | 'foreign' | 'off'; readonly error: null };
