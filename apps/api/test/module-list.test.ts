import { loadConfig } from '@holdfast/config';
import { definePart } from '@holdfast/config/part';
import { configParts, modules } from '@holdfast/modules';
import { createRuntime } from '@holdfast/runtime';
import { describe, expect, it } from 'vitest';
import { toyConfig, toyModule, toyTurns } from './toy/index.ts';
import { configure, directory, onEither, start, withToy, type Runnable } from './toy/service.ts';

describe('a list of modules that cannot be right', () => {
  const second = (changes: Partial<typeof toyModule>): typeof toyModule => ({ ...toyModule, ...changes });

  it('is refused where two have one name', async () => {
    const list = [...withToy, toyModule] as const;
    expect(() => loadConfig({ parts: configParts(list), cwd: directory, env: {} })).toThrow(/toys/);
    await expect(createRuntime(configure(withToy), { modules: list })).rejects.toThrow(
      'Two modules are called "toys" in the list of modules.',
    );
  });

  it('is refused where one stands before what it needs', async () => {
    const [cache, queues, sources] = modules;
    await expect(createRuntime(configure(withToy), { modules: [sources, cache, queues] as const })).rejects.toThrow(
      'The module "sources" needs "cache", which has to stand before it in the list of modules.',
    );
  });

  it.each([
    [
      'section',
      { file: { cache: toyModule.config.file['toys'] } },
      /section .*cache belongs to .* and to the part toys/,
    ],
    [
      'variable',
      { variables: { PORT: toyModule.config.variables['TOY_STEP'] } },
      /variable PORT belongs to .* and to the part toys/,
    ],
  ])('is refused where two have one %s', (_what, changes, message) => {
    const taken = second({ config: { ...toyModule.config, ...changes } as typeof toyModule.config });
    expect(() => configure([...modules, taken])).toThrow(message);
  });

  it('is refused where two have one route', async () => {
    const routes = async (): ReturnType<typeof toyModule.routes> => ({
      routes: async (app) => {
        app.get('/v1/queues', { config: { access: 'public' } }, async () => 'mine');
      },
    });
    await expect(start([...modules, second({ routes })])).rejects.toThrow(
      /The routes of the module "toys" cannot be registered: .*\/v1\/queues/,
    );
  });

  it('is refused where two define one queue, and leaves nothing open', async () => {
    const config = definePart({
      ...toyConfig,
      draft: ({ needs }) => needs.queues.inCode.add({ ...toyTurns, name: 'http-delivery' }),
    });
    const list: Runnable = [...modules, second({ config })];
    for (const env of onEither) {
      const configured = configure(list, env);
      await expect(createRuntime(configured, { modules: list, usesFallback: true })).rejects.toThrow(
        'Two queues have the name "http-delivery".',
      );
      const next = await createRuntime(configure(withToy, env), { modules: withToy, usesFallback: true });
      await next.close();
    }
  });

  it('is refused where two handle one queue, or one handles a queue that there is not', async () => {
    const handling = (queue: string): Runnable => [
      ...modules,
      second({ handlers: async () => ({ createHandlers: () => ({ byQueue: { [queue]: async () => null } }) }) }),
    ];
    await expect(start(handling('http-delivery'))).rejects.toThrow(
      'The modules "queues" and "toys" both handle the queue "http-delivery".',
    );
    await expect(start(handling('nowhere'))).rejects.toThrow(
      'The module "toys" handles the queue "nowhere", which is defined nowhere.',
    );
  });
});
