import type { RedisChannels } from '@holdfast/redis-core';
import type { Instruments } from '@holdfast/telemetry';
import type { DataFolder } from './data-folder.ts';

/** Whether the data folder of this process can be used, and how often its disk did not answer in time. */
export function measureFolder(folder: Pick<DataFolder, 'canBeUsed' | 'putAside'>, instruments: Instruments): void {
  const usable = instruments.gauge({
    name: 'holdfast_disk_usable',
    help: '1 while what has to be on disk can be written to the data folder of this process.',
  });
  const putAside = instruments.gauge({
    name: 'holdfast_disk_files_put_aside',
    help: 'Files in the data folder that were damaged and put aside, and wait for somebody to look after them.',
  });
  instruments.onScrape(() => {
    usable.set(folder.canBeUsed ? 1 : 0);
    putAside.set(folder.putAside.length);
  });
}

/** Counted from before the folder is opened on: that may be late as well. */
export function countLateCalls(instruments: Instruments): void {
  const late = instruments.counter({
    name: 'holdfast_disk_calls_late_total',
    help: 'Calls that the disk of the data folder did not answer in time, so that nobody knows what became of them.',
  });
  late.startAtZero();
  instruments.channels<RedisChannels>().on('holdfast:disk:late', ({ calls }) => late.add(calls));
}
