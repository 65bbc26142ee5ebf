import { useRedis } from '@holdfast/testing';
import { createEngine } from '../../src/index.ts';
import { calm } from './calm.ts';
import { describeEquality } from './equality.ts';

const { host, port, db } = useRedis();
describeEquality('ioredis', () =>
  Promise.resolve(createEngine({ name: 'equality', ...calm, target: { kind: 'standalone', host, port, db } })),
);
