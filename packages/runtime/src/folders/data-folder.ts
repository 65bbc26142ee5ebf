import { hostname } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { DataVolume } from '@holdfast/config';
import {
  openFolderFile,
  type DiskFile,
  type DiskFolder,
  type DiskStatus,
  type FolderFile,
} from '@holdfast/redis-core/disk';
import type { Logger } from '@holdfast/telemetry';
import type { OwnFolder } from './noted-folders.ts';

export interface DataFolderOptions {
  readonly disk: DiskFolder;
  readonly volume: DataVolume;
  /** How much lies in it for a Redis that is away. */
  readonly kept: () => number;
}

/** The folder in which a process keeps what a Redis that is away has to be told. */
export class DataFolder {
  readonly #options: DataFolderOptions;
  readonly #file: DiskFile<FolderFile>;
  readonly #told = new Set<string>();
  #stop = (): void => undefined;

  private constructor(options: DataFolderOptions, file: DiskFile<FolderFile>) {
    this.#options = options;
    this.#file = file;
  }

  /** To be opened after its files. Resolves also where it cannot be used for now, which its status says. */
  static async open(options: DataFolderOptions): Promise<DataFolder> {
    return new DataFolder(options, await openFolderFile(options.disk));
  }

  get volume(): DataVolume {
    return this.#options.volume;
  }

  /** Whether what has to be on disk can be written there now. */
  get canBeUsed(): boolean {
    return this.#options.disk.status.state === 'well';
  }

  /** Also what was damaged and put aside, as long as that lies there: acknowledged jobs may be in it. */
  get status(): DiskStatus {
    const { status } = this.#options.disk;
    const { putAside } = this;
    if (status.state !== 'well' || putAside.length === 0) return status;
    return {
      state: 'damaged',
      reason: `${putAside.join(', ')}: damaged, and put aside. Recover what is in it, and move it away.`,
    };
  }

  /** Files that were damaged, by the names that they have now. */
  get putAside(): readonly string[] {
    return this.#file.totals?.putAside ?? [];
  }

  /** What is to be noted of it; `undefined` where it is not known, or another process has it. */
  get own(): OwnFolder | undefined {
    const { disk, volume, kept } = this.#options;
    const id = this.#file.totals?.id;
    if (id === undefined || !disk.wasOpen) return undefined;
    const waiting = kept();
    const isEmpty = disk.isOpen && waiting === 0 && this.putAside.length === 0;
    return { id, host: hostname(), path: disk.directory, volume, waiting, isEmpty };
  }

  /** Logs what was put aside, once each, and has `onWell` told when the folder can be used. */
  start(logger: Logger, onWell: () => void): void {
    const look = async (): Promise<void> => {
      await this.look();
      this.#tell(logger);
      if (this.canBeUsed) onWell();
    };
    this.#stop = this.#options.disk.onChange(({ state }) => {
      if (state === 'well') void look();
    });
    this.#tell(logger);
  }

  /** Resolves when all that was on its way to the disk is there and known, or cannot be. Never rejects. */
  async look(): Promise<void> {
    // What is noted is gathered for a turn of the event loop; then the calls of all files are served in order.
    await setImmediate();
    await setImmediate();
    await this.#file.call('look', []).catch(() => undefined);
  }

  close(): void {
    this.#stop();
  }

  #tell(logger: Logger): void {
    const { directory } = this.#options.disk;
    for (const file of this.putAside) {
      if (this.#told.has(file)) continue;
      this.#told.add(file);
      logger.error({ directory, file }, 'a damaged file was put aside, and a new one begun: jobs may be in it');
    }
  }
}
