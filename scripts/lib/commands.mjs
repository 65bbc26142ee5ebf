import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The path of the first of `names` that is on the PATH; undefined when none is. */
export function findCommand(names, path = process.env.PATH ?? '') {
  for (const name of names) {
    for (const directory of path.split(delimiter).filter(Boolean)) {
      const file = join(directory, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

/** Whether the command ends with exit code 0 within `timeoutMs`. */
export function succeeds(command, args, timeoutMs) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: timeoutMs, killSignal: 'SIGKILL' }).status === 0;
}
