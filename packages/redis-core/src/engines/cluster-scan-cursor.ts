import { CommandError } from '../errors.ts';

/** How far a scan of a cluster has come. */
export interface ScanProgress {
  /** The fingerprint of the owners of all slots, as they were known with the page before. */
  readonly owners: string;
  /** The place of the master that is walked, or `moves` once all were: then the slots that were moved are read. */
  readonly at: number | 'moves';
  /** Of the master that is walked. */
  readonly cursor: string;
  /** Slots that have got another owner since the scan began, or are being moved. */
  readonly disturbed: readonly number[];
}

/** `<owners>~<at>~<cursor>~<slots>`, of characters that need no escape in a URL. */
const form = /^([\w-]{1,20})~(\d{1,5}|moves)~(\d{1,20})~([0-9a-z.]*)$/;

export function scanCursor({ owners, at, cursor, disturbed }: ScanProgress): string {
  return [owners, at, cursor, disturbed.map((slot) => slot.toString(36)).join('.')].join('~');
}

/** @throws CommandError for one that is none */
export function parseScanCursor(text: string | undefined): ScanProgress | undefined {
  if (text === undefined) return undefined;
  const [, owners = '', at = '', cursor = '', slots = ''] = form.exec(text) ?? [];
  if (owners === '') throw new CommandError('ERR invalid cursor');
  const disturbed = slots === '' ? [] : slots.split('.').map((slot) => Number.parseInt(slot, 36));
  if (disturbed.some((slot) => !(slot < 16_384))) throw new CommandError('ERR invalid cursor');
  return { owners, at: at === 'moves' ? at : Number(at), cursor, disturbed };
}
