import { defineQueue, type QueueDefinition, type Schedule } from '@holdfast/queue';
import { Type, type TSchema } from 'typebox';
import { httpDelivery } from './http-delivery.ts';

/** A queue that is not in the code: what an installation says of it. The rest is as in `http-delivery`. */
export interface DeclaredQueue extends Partial<
  Pick<
    QueueDefinition,
    | 'description'
    | 'attempts'
    | 'maxCrashes'
    | 'backoff'
    | 'priority'
    | 'timeoutMs'
    | 'waitingTtlMs'
    | 'concurrency'
    | 'rateLimit'
    | 'coalesce'
  >
> {
  readonly retention?: Partial<QueueDefinition['retention']>;
  /** A JSON Schema; without it any JSON but `null` is taken. */
  readonly payload?: Readonly<Record<string, unknown>>;
  /** For those who ask for the policy; who installs it also knows the data of its jobs. */
  readonly schedule?: Schedule;
}

/** All but `null`, which the embedded queue gives back as `{}`. */
const anything = Type.Unsafe<unknown>({
  type: ['object', 'array', 'string', 'number', 'boolean'],
  errorMessage: 'must be an object, an array, a text, a number, true or false',
});

/** @throws QueueDefinitionError naming everything that is wrong with it. */
export function declaredQueue(name: string, declared: DeclaredQueue): QueueDefinition {
  const { retention, payload, description = 'Delivered over HTTP.', ...rest } = declared;
  return defineQueue<string, TSchema>({
    timeoutMs: 30_000,
    ...pick(httpDelivery),
    ...rest,
    name,
    description,
    payload: payload ?? anything,
    retention: { ...httpDelivery.retention, ...retention },
  });
}

function pick({ attempts, backoff, concurrency }: QueueDefinition) {
  return { attempts, concurrency, ...(backoff !== undefined && { backoff }) };
}
