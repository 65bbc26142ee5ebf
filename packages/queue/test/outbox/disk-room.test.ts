import { describe, expect, it } from 'vitest';
import { DiskRoom } from '../../src/outbox/disk-room.ts';

describe('the room on a disk', () => {
  it('is what is free beyond what must stay so, less what was written since the disk was asked', async () => {
    let free = 3000;
    const room = new DiskRoom('/', 1000, () => free);
    expect(room.left()).toBe(2000);
    room.wrote(500);
    expect(room.left()).toBe(1500);
    free = 10_000;
    await expect.poll(() => room.left()).toBe(9000);
  });

  it('is not made up where the disk cannot be asked', () => {
    const room = new DiskRoom('/', 1000, () => {
      throw new Error('EIO: i/o error, statfs');
    });
    expect(() => room.left()).toThrow(/EIO/);
  });
});
