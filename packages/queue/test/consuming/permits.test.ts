import { describe, expect, it } from 'vitest';
import { Permits } from '../../src/index.ts';

const [mail, images, reports] = [{}, {}, {}];

describe('permits', () => {
  it('are as many as there may be, and free again when they were given back', () => {
    const permits = new Permits(2);
    expect([permits.take('1', mail), permits.take('2', mail), permits.take('3', mail)]).toEqual([true, true, false]);
    permits.release('1');
    permits.release('1');
    expect([permits.take('3', mail), permits.take('4', images), permits.taken]).toEqual([true, false, 2]);
  });

  it('go to who has waited longest, and to nobody who comes in between', async () => {
    const permits = new Permits(1);
    permits.take('1', mail);
    const order: string[] = [];
    const waiting = [
      permits.freed(images).then(() => order.push('images')),
      permits.freed(reports).then(() => order.push('reports')),
    ];
    expect([permits.isContended(mail), permits.isContended(images)]).toEqual([true, true]);
    permits.release('1');
    expect(permits.take('2', mail)).toBe(false);
    await waiting[0];
    expect(order).toEqual(['images']);
    expect(permits.take('3', images)).toBe(true);
    expect(permits.take('4', reports)).toBe(false);
    permits.release('3');
    await waiting[1];
    expect([permits.take('4', reports), permits.isContended(mail)]).toEqual([true, false]);
  });

  it('pass on from who withdraws, whether it waited or had one kept', async () => {
    const permits = new Permits(1);
    permits.take('1', mail);
    const first = permits.freed(images);
    const second = permits.freed(reports);
    permits.release('1');
    await first;
    permits.withdraw(images);
    await second;
    permits.withdraw(reports);
    expect([permits.take('2', mail), permits.taken]).toEqual([true, 1]);
    const third = permits.freed(images);
    permits.withdraw(images);
    await third;
    permits.release('2');
    expect(permits.take('3', reports)).toBe(true);
  });

  it('are without end where no bound was asked for', () => {
    const permits = new Permits();
    expect(Array.from({ length: 1000 }, (_, n) => permits.take(String(n), mail)).every(Boolean)).toBe(true);
  });
});
