/** Ends the script with a message for a human: what happened, then what to do. */
export function fail(message, code = 1) {
  process.stderr.write(`\n${message}\n`);
  process.exit(code);
}
