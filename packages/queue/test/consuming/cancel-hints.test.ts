import { describe, expect, it } from 'vitest';
import { CancelHints } from '../../src/consuming/cancel.ts';

const job = (id: string, n = 1) => ({ id, token: `hf6000.me:${n}` });

describe('a job that was cancelled', () => {
  const record = (running: readonly { readonly id: string; readonly token: string }[] = []) => {
    const hints = new CancelHints(({ id, token }) => running.some((run) => run.id === id && run.token === token));
    const asked: string[] = [];
    return { hints, asked, hear: (id: string, n = 1) => hints.heard(job(id, n), () => asked.push(id)) };
  };

  it('is asked for at once when it runs', () => {
    const { asked, hear } = record([job('runs')]);
    hear('runs');
    expect(asked).toEqual(['runs']);
  });

  it('is asked for when it begins, if it was fetched only now, and once', () => {
    const { hints, asked, hear } = record();
    hear('fetched');
    expect(asked).toEqual([]);
    hints.begun(job('fetched'));
    hints.begun(job('fetched'));
    expect(asked).toEqual(['fetched']);
  });

  it('is not taken for another run or another job', () => {
    const { hints, asked, hear } = record([job('again', 2)]);
    hear('again', 1);
    hints.begun(job('other', 1));
    expect(asked).toEqual([]);
  });

  it('is forgotten when it never begins, behind 100 later ones', () => {
    const { hints, asked, hear } = record();
    for (let n = 0; n <= 100; n += 1) hear(`job-${n}`, n);
    hints.begun(job('job-0', 0));
    hints.begun(job('job-1', 1));
    expect(asked).toEqual(['job-1']);
  });
});
