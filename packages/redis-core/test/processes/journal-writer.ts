import { openDiskFolder } from '../../src/disk.ts';
import { openJournal } from '../../src/journal.ts';

/** Appends until it is killed, and says each entry after it was noted. Argument: the folder. */
const [, , directory = ''] = process.argv;
const journal = await openJournal({ folder: openDiskFolder({ directory }) });
for (let index = 0; ; index += 1) {
  await journal.append({ area: 'products', kind: 'key', value: String(index), mode: 'delete' });
  process.stdout.write(`noted ${index}\n`);
}
