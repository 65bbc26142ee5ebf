/**
 * Runs a Redis container for as long as its stdin is open, and prints its URL, or what is in the way. `testcontainers` starts it, and
 * sees to it that it goes, however this process ends. A process of its own, since that package needs the installed Node, and the
 * script that starts this one may run on an older one; and nobody loads it where no Docker engine answers.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './paths.mjs';
import { nothingOnDisk } from './run-redis.mjs';

const [image] = process.argv.slice(2);
const resolve = createRequire(join(root, 'packages/testing/package.json')).resolve;

try {
  const { GenericContainer } = (await import(pathToFileURL(resolve('testcontainers')).href)).default;
  const container = await new GenericContainer(image)
    .withExposedPorts(6379)
    .withCommand(['redis-server', ...nothingOnDisk])
    .start();
  console.log(`redis://${container.getHost()}:${container.getMappedPort(6379)}`);
  process.stdin.resume();
  await new Promise((ended) => {
    process.stdin.once('end', ended);
  });
  await container.stop();
  process.exit(0);
} catch (error) {
  console.error(`A container of ${image} could not be started: ${error.message}`);
  process.exit(1);
}
