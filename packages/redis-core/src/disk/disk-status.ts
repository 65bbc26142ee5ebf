import { sqliteCode } from '../durable-file.ts';

/** How it is with a folder of the disk. All but `well` say why. */
export interface DiskStatus {
  /**
   * - `full`: there is no room, on the disk or in the size that a file may have.
   * - `damaged`: a file is damaged.
   * - `hung`: the disk does not answer.
   * - `unusable`: anything else, such as rights, a disk that fails, another process that has the folder.
   */
  readonly state: 'well' | 'full' | 'damaged' | 'hung' | 'unusable';
  readonly reason?: string;
}

/** The worst comes last. */
const states: readonly DiskStatus['state'][] = ['well', 'full', 'unusable', 'damaged', 'hung'];

export const wellStatus: DiskStatus = { state: 'well' };

export function worstOf(all: readonly DiskStatus[]): DiskStatus {
  return all.reduce(
    (worst, one) => (states.indexOf(one.state) > states.indexOf(worst.state) ? one : worst),
    wellStatus,
  );
}

/** Result codes of SQLite (https://www.sqlite.org/rescode.html), without their extension. */
const byCode: Readonly<Record<number, DiskStatus>> = {
  5: { state: 'unusable', reason: 'another process has it open' },
  6: { state: 'unusable', reason: 'another process has it open' },
  8: { state: 'unusable', reason: 'it cannot be written' },
  10: { state: 'unusable', reason: 'the disk fails to read or write' },
  11: { state: 'damaged', reason: 'it is damaged' },
  13: { state: 'full', reason: 'there is no room for more' },
  14: { state: 'unusable', reason: 'it cannot be opened' },
  26: { state: 'damaged', reason: 'it is damaged' },
};

/** What an error of a file says of its folder; `undefined`: nothing, it is one of the program. */
export function statusOfError(error: unknown, file: string): DiskStatus | undefined {
  const status = byCode[sqliteCode(error)];
  return status && { ...status, reason: `${file}: ${status.reason}` };
}
