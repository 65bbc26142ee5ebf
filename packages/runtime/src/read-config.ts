import { ConfigError, loadConfig, type LoadOptions } from '@holdfast/config';
import { configParts, modules, type HoldfastConfig } from '@holdfast/modules';

/**
 * The configuration of this process. A wrong one is for a person at a terminal: it prints all problems without a stack
 * and ends the process with 1.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
  options: Pick<LoadOptions, 'servesApi'> = {},
): HoldfastConfig {
  try {
    return loadConfig({ env, cwd, parts: configParts(modules), ...options });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
