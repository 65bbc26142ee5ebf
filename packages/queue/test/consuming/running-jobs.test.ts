import { describe, expect, it } from 'vitest';
import { RunningJobs } from '../../src/consuming/running-jobs.ts';

const job = (id: string, n = 1) => ({ id, token: `hf6000.me:${n}` });

describe('a job that was cancelled', () => {
  const record = () => {
    const running = new RunningJobs();
    const told: string[] = [];
    return { running, told, expectOf: (id: string, n = 1) => running.whenBegun(job(id, n), () => told.push(id)) };
  };

  it('is asked for at once when it runs', () => {
    const { running, told, expectOf } = record();
    running.begin(job('runs'));
    expectOf('runs');
    expect(told).toEqual(['runs']);
  });

  it('is asked for when it begins, if it was fetched only now, and once', () => {
    const { running, told, expectOf } = record();
    expectOf('fetched');
    expect(told).toEqual([]);
    running.begin(job('fetched'));
    running.end(job('fetched'));
    running.begin(job('fetched'));
    expect(told).toEqual(['fetched']);
  });

  it('is not taken for another run or another job', () => {
    const { running, told, expectOf } = record();
    running.begin(job('again', 2));
    expectOf('again', 1);
    running.begin(job('other', 1));
    expect(told).toEqual([]);
  });

  it('is forgotten when it never begins, behind 100 later ones', () => {
    const { running, told, expectOf } = record();
    for (let n = 0; n <= 100; n += 1) expectOf(`job-${n}`, n);
    running.begin(job('job-0', 0));
    running.begin(job('job-1', 1));
    expect(told).toEqual(['job-1']);
  });
});
