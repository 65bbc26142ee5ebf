import { ConfigError, loadConfig, variablesOf, type Variable } from '@holdfast/config';
import { configParts, modules, type HoldfastConfig } from '@holdfast/modules';

export const parts = configParts(modules);

/** Every variable, by name. */
export const environment: Readonly<Record<string, Variable<unknown>>> = Object.fromEntries(variablesOf(parts));

/** A file system of some files. */
export function files(contents: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const text = Object.hasOwn(contents, path) ? contents[path] : undefined;
    if (text === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    return text;
  };
}

/** The configuration of `env`, and of `yaml` as ./holdfast.yaml. */
export function load(env: Readonly<Record<string, string>> = {}, yaml?: string): HoldfastConfig {
  const readFile = files(yaml === undefined ? {} : { '/app/holdfast.yaml': yaml });
  return loadConfig({ env, cwd: '/app', readFile, parts });
}

/** The error of a configuration that must not load. */
export function loadError(env: Readonly<Record<string, string>>, yaml?: string): ConfigError {
  try {
    load(env, yaml);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('The configuration was accepted.');
}

/** The paths that it is about. */
export function problemPaths(env: Readonly<Record<string, string>>, yaml?: string): string[] {
  return loadError(env, yaml).problems.map(({ path }) => path);
}
