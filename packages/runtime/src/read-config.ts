import { ConfigError, loadConfig, type Config, type LoadOptions } from '@holdfast/config';

/**
 * The configuration of this process. A wrong one is for a person at a terminal: it prints all problems without a stack
 * and ends the process with 1.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
  options: Pick<LoadOptions, 'servesApi'> = {},
): Config {
  try {
    return loadConfig({ env, cwd, ...options });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
