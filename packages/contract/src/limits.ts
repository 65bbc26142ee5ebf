/** What the libraries behind the service bound, as far as a caller has to know it; a test of `apps/api` compares them. */

/** Levels of nesting that the JSON of a job or of an entry may have. */
export const maxNesting = 200;

/** Of the id of a job; other programs of BullMQ may add such long ones. */
export const maxJobIdBytes = 4096;

/** Characters of the cursor of a page of jobs. */
export const maxCursorLength = 8192;
