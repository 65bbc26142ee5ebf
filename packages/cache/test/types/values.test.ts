import type { Cache, Loader, LoaderContext, ReadonlyDeep } from '@holdfast/cache';
import { describe, expectTypeOf, it } from 'vitest';

interface User {
  name: string;
  tags: string[];
  seen: Date;
  address?: { city: string };
}

interface ReadUser {
  readonly name: string;
  readonly tags: readonly string[];
  readonly seen: Date;
  readonly address?: { readonly city: string };
}

// Nothing here runs: what is compiled is what is tested.
declare const cache: Cache;
declare const ada: User;
const compiles = (_uses: () => unknown): void => undefined;

describe('getOrSet', () => {
  it('infers its value from a loader that takes its context', () => {
    compiles(async () => {
      const destructured = await cache.getOrSet('ada', async ({ setTags, signal }) => {
        setTags([`aborted:${signal.aborted}`]);
        return { name: 'Ada', tags: ['a'] };
      });
      expectTypeOf(destructured).toEqualTypeOf<{ readonly name: string; readonly tags: readonly string[] }>();
      const whole = await cache.getOrSet('ada', (context) => context.key.length);
      expectTypeOf(whole).toEqualTypeOf<number>();
      const promised = await cache.getOrSet('ada', ({ key }) => Promise.resolve([key]));
      expectTypeOf(promised).toEqualTypeOf<readonly string[]>();
      const method = await cache.getOrSet('ada', async function load({ key }) {
        return { key };
      });
      expectTypeOf(method).toEqualTypeOf<{ readonly key: string }>();
    });
  });

  it('has `undefined` where the loader may return it, and nowhere else', () => {
    compiles(async () => {
      expectTypeOf(await cache.getOrSet('ada', async () => ada)).toEqualTypeOf<ReadUser>();
      const nullable = await cache.getOrSet('ada', async ({ key }) => (key === 'ada' ? ada : undefined));
      expectTypeOf(nullable).toEqualTypeOf<ReadUser | undefined>();
      const found = await cache.getOrSet('ada', () => [ada].find(({ name }) => name === 'Ada'));
      expectTypeOf(found).toEqualTypeOf<ReadUser | undefined>();
      expectTypeOf(await cache.getOrSet('ada', () => null)).toEqualTypeOf<null>();
      expectTypeOf(await cache.getOrSet('ada', () => undefined)).toEqualTypeOf<undefined>();
    });
  });

  it('takes its type from whoever names it, and then the stale value has that type too', () => {
    compiles(async () => {
      const named = await cache.getOrSet<User>('ada', ({ stale }) => {
        expectTypeOf(stale).toEqualTypeOf<ReadUser | undefined>();
        return ada;
      });
      expectTypeOf(named).toEqualTypeOf<ReadUser>();
      const orNothing = await cache.getOrSet<User | undefined>('ada', ({ stale }) => {
        expectTypeOf(stale).toEqualTypeOf<ReadUser | undefined>();
        return undefined;
      });
      expectTypeOf(orNothing).toEqualTypeOf<ReadUser | undefined>();
      // @ts-expect-error -- nothing, where a user was promised
      void cache.getOrSet<User>('ada', () => undefined);
      // @ts-expect-error -- another type
      void cache.getOrSet<User>('ada', () => 7);
      const annotated = await cache.getOrSet('ada', (context: LoaderContext<User>) => context.stale?.name ?? '');
      expectTypeOf(annotated).toEqualTypeOf<string>();
    });
  });

  it('takes a loader that is declared elsewhere', () => {
    compiles(async () => {
      const load: Loader<User> = async ({ key }) => ({ ...ada, name: key });
      expectTypeOf(await cache.getOrSet('ada', load)).toEqualTypeOf<ReadUser>();
      const wrap = async <Value>(loader: Loader<Value>): Promise<ReadonlyDeep<Value>> => cache.getOrSet('ada', loader);
      expectTypeOf(await wrap(load)).toEqualTypeOf<ReadUser>();
    });
  });

  it('fits where the type is asked for', () => {
    compiles(async () => {
      const user: ReadUser = await cache.getOrSet('ada', async ({ setTtl }) => {
        setTtl(1000);
        return ada;
      });
      return user;
    });
  });
});

describe('getOrSetMany', () => {
  it('infers its values, any of which may be missing', () => {
    compiles(async () => {
      const users = await cache.getOrSetMany(['ada'], async (keys) => new Map(keys.map((key) => [key, ada])));
      expectTypeOf(users).toEqualTypeOf<(ReadUser | undefined)[]>();
    });
  });
});

describe('what is read', () => {
  it('is read-only, and may be missing', () => {
    compiles(async () => {
      expectTypeOf(await cache.get<User>('ada')).toEqualTypeOf<ReadUser | undefined>();
      expectTypeOf(await cache.getMany<User>(['ada'])).toEqualTypeOf<(ReadUser | undefined)[]>();
      expectTypeOf(await cache.get('ada')).toEqualTypeOf<unknown>();
      const user = await cache.get<User>('ada');
      // @ts-expect-error -- it is shared with other readers
      user?.tags.push('b');
      // @ts-expect-error -- it is shared with other readers
      if (user !== undefined) user.name = 'Bob';
    });
  });
});

describe('ReadonlyDeep', () => {
  it('goes all the way down plain data', () => {
    expectTypeOf<ReadonlyDeep<User>>().toEqualTypeOf<ReadUser>();
    expectTypeOf<ReadonlyDeep<{ a: { b: string[] }[] }>>().toEqualTypeOf<{
      readonly a: readonly { readonly b: readonly string[] }[];
    }>();
    expectTypeOf<ReadonlyDeep<[number, { a: string }]>>().toEqualTypeOf<readonly [number, { readonly a: string }]>();
    expectTypeOf<ReadonlyDeep<Record<string, number[]>>>().toEqualTypeOf<Readonly<Record<string, readonly number[]>>>();
    expectTypeOf<ReadonlyDeep<'a' | 7 | null | undefined>>().toEqualTypeOf<'a' | 7 | null | undefined>();
  });

  it('leaves what freezing leaves', () => {
    expectTypeOf<ReadonlyDeep<Map<string, string[]>>>().toEqualTypeOf<Map<string, string[]>>();
    expectTypeOf<ReadonlyDeep<Date | Buffer | Set<number> | URL>>().toEqualTypeOf<Date | Buffer | Set<number> | URL>();
  });

  it('keeps what is not known', () => {
    expectTypeOf<ReadonlyDeep<unknown>>().toEqualTypeOf<unknown>();
    // oxlint-disable-next-line typescript/no-explicit-any -- of a program without types
    expectTypeOf<ReadonlyDeep<any>>().toBeAny();
  });

  it('ends for data that contains itself', () => {
    interface Tree {
      name: string;
      children: Tree[];
    }
    const tree: ReadonlyDeep<Tree> = { name: 'a', children: [{ name: 'b', children: [] }] };
    expectTypeOf(tree.children.at(0)?.children.at(0)?.name).toEqualTypeOf<string | undefined>();
  });
});
