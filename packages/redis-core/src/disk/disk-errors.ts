/** The folder cannot be used now, and the disk was not asked: nothing was changed. */
export class DiskUnusableError extends Error {
  /** The result code of SQLite, where that is the reason. */
  readonly errcode: number;

  constructor(message: string, errcode = 0) {
    super(message);
    this.errcode = errcode;
  }
}

/** The disk was asked, and did not answer in time, or its process ended: it may or may not have been done. */
export class DiskOutcomeUnknownError extends Error {}
