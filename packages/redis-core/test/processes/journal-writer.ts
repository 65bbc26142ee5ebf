import { openJournal } from '../../src/journal.ts';

/** Appends until it is killed, and says each entry after it was noted. Argument: the file. */
const [, , file = ''] = process.argv;
const journal = openJournal({ file });
for (let index = 0; ; index += 1) {
  journal.append({ area: 'products', kind: 'key', value: String(index), mode: 'delete' });
  process.stdout.write(`noted ${index}\n`);
  // Lets the pipe drain, and signals in.
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
