import { parseArgs } from 'node:util';
import { fail } from './fail.mjs';

const usage = `Usage: npm start [-- <options>]

  --verbose   also log each request, each job and what Redis is asked (LOG_LEVEL=debug)
  --help      this text

Everything else is set by variables, in the environment or in .env: PORT, REDIS_URL, HOLDFAST_DATA_DIR, …
(docs/reference/env.md). Without REDIS_URL it runs on this machine alone, with nothing else installed.`;

/** What the command line asks for. Ends the process where it asks for help, or for what there is not. */
export function readArguments(argv = process.argv.slice(2)) {
  const options = {
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  };
  try {
    const { values } = parseArgs({ args: argv, options, strict: true, allowPositionals: false });
    if (!values.help) return values;
  } catch (error) {
    const unknown = argv.find((argument) => !['--verbose', '--help', '-h'].includes(argument)) ?? '';
    // 64: a wrong command line, as sysexits.h has it.
    fail(`npm start does not know ${JSON.stringify(unknown)} (${error.code ?? 'wrong arguments'}).\n\n${usage}`, 64);
  }
  console.log(usage);
  return process.exit(0);
}
