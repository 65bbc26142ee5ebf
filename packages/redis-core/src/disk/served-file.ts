/**
 * A file that the process of the disk keeps open for the service. All of it is synchronous, for as long as the disk takes:
 * the calls of all files are served one after another. Arguments and replies are cloned, as by `structuredClone`.
 */
export interface ServedFile {
  /** What it can be asked for. They throw what SQLite or the file system says (see `sqliteCode`). */
  readonly calls: Readonly<Record<string, (...args: never[]) => unknown>>;
  /** What the service is to know without asking: it goes along with each reply. */
  totals(): unknown;
  /** Writes something that changes nothing, so that it is known whether the disk does its work. @throws what it says */
  prove(): void;
  /** Releases the file. What is in it stays. */
  close(): void;
}

/** What a module of a served file exports. */
export interface ServedFileModule<File extends ServedFile, Options> {
  /** Opens the file in a folder, or makes it. @throws what SQLite or the file system says */
  readonly open: (directory: string, options: Options) => File;
}
