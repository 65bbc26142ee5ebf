import { listedStates } from '@holdfast/queue';
import fc from 'fast-check';
import { encodedOf, textOr } from './fuzz-fixture.ts';

/** Also what BullMQ calls its own keys. */
export const text = textOr('meta', 'wait', 'events', 'id', 'repeat', '1', 'a:b');
export const encoded = encodedOf(text);
/** Jobs that are there, and others. */
export const id = fc.oneof(
  fc.integer({ min: 0, max: 40 }).map((n) => `fuzz-${n}`),
  encoded,
);
export const queue = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('http-delivery', 'source-sync') },
  { weight: 1, arbitrary: encoded },
);
export const duration = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.constantFrom('1ms', '5m', '36500d', '-1s', 'none', '', null),
  text,
);
export const scalar = fc.oneof(fc.integer(), fc.double(), fc.boolean(), fc.constant(null), text);
/** Of the form that the listings give out, with anything inside. */
export const cursor = fc.oneof(
  encoded,
  fc
    .tuple(
      fc.constantFrom(...listedStates, 'paused'),
      fc.oneof(fc.integer().map(String), fc.double().map(String), text),
      text,
    )
    .map((parts) => Buffer.from(parts.join('\n')).toString('base64url')),
  fc.tuple(fc.integer(), text).map(([at, name]) => Buffer.from(`${at}.${name}`).toString('base64url')),
);
const options = fc.record(
  {
    jobId: fc.oneof(
      fc.integer({ min: 0, max: 40 }).map((n) => `fuzz-${n}`),
      text,
    ),
    priority: fc.oneof(fc.constantFrom('high', 'low'), scalar),
    delay: duration,
    attempts: fc.oneof(fc.integer({ min: 1, max: 3 }), scalar),
    timeout: duration,
    waitingTtl: duration,
    backoff: fc.oneof(fc.record({ type: fc.constantFrom('fixed', 'exponential', 'x'), delay: duration }), scalar),
    deduplication: fc.oneof(
      fc.record(
        {
          id: text,
          mode: fc.constantFrom('simple', 'throttle', 'debounce', 'keepLastIfActive', 'reschedule', 'x'),
          ttl: duration,
        },
        { requiredKeys: ['id'] },
      ),
      scalar,
    ),
    other: scalar,
  },
  { requiredKeys: [] },
);
const goodOptions = fc.record(
  {
    jobId: fc.integer({ min: 0, max: 40 }).map((n) => `fuzz-${n}`),
    delay: fc.constantFrom(0, '1h', '5ms'),
    deduplication: fc.record({ id: fc.constantFrom('a', 'b'), ttl: fc.constantFrom('1s', 50) }),
  },
  { requiredKeys: [] },
);
const data = fc.oneof(fc.constant({ url: 'https://example.com/' }), fc.jsonValue({ maxDepth: 2 }));
export const job = fc.record(
  { name: fc.oneof(text, fc.constant('n')), data, options: fc.oneof(options, goodOptions, scalar) },
  { requiredKeys: ['data'] },
);
export const goodJob = fc.record({ data: fc.constant({ url: 'https://example.com/' }), options: goodOptions });
const idList = fc.oneof(fc.array(fc.oneof(fc.constantFrom('fuzz-1', 'fuzz-2'), text), { maxLength: 8 }), scalar);
const limit = fc.oneof(fc.integer({ min: 1, max: 20 }), scalar);

export const bodies: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  jobs: fc.oneof(goodJob, job),
  'jobs/bulk': fc.record(
    {
      jobs: fc.oneof(fc.array(fc.oneof(goodJob, job, fc.jsonValue({ maxDepth: 1 })), { maxLength: 12 }), scalar),
      spread: duration,
    },
    { requiredKeys: ['jobs'] },
  ),
  clean: fc.record(
    {
      state: fc.oneof(fc.constantFrom('completed', 'failed', 'delayed', 'prioritized', 'active'), text),
      olderThan: duration,
      limit,
    },
    { requiredKeys: ['state'] },
  ),
  drain: fc.record({ delayed: fc.oneof(fc.boolean(), scalar) }, { requiredKeys: [] }),
  'dead-letters/redrive': fc.record({ ids: idList, limit }, { requiredKeys: [] }),
  'dead-letters/clean': fc.record({ ids: idList, limit, olderThan: duration }, { requiredKeys: [] }),
  pause: fc.jsonValue({ maxDepth: 1 }),
  resume: fc.jsonValue({ maxDepth: 1 }),
};
