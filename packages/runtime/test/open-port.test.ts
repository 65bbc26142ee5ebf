import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { Listener } from '../src/listen.ts';
import { openPort } from '../src/open-port.ts';
import { exitCodes } from '../src/start-error.ts';

const variables = { host: 'HOST', port: 'PORT' };
const servers: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function listener(): Listener {
  const server = createServer();
  servers.push(server);
  return {
    server,
    async listen(options) {
      server.listen(options);
      await once(server, 'listening');
      return '';
    },
  };
}

/** Who is not root may not open it; a test may be root. */
function forbidden(): Listener {
  const error = Object.assign(new Error('listen EACCES: permission denied'), { code: 'EACCES' });
  return { ...listener(), listen: () => Promise.reject(error) };
}

describe('a port that cannot be opened is told in a sentence', () => {
  it('when it is taken', async () => {
    const { port } = new URL(await openPort(listener(), { host: '127.0.0.1', port: 0, variables }));
    await expect(openPort(listener(), { host: '127.0.0.1', port: Number(port), variables })).rejects.toMatchObject({
      message: expect.stringMatching(new RegExp(`^Port ${port} is taken .*: PORT=\\d+ npm start$`)) as unknown,
      exitCode: exitCodes.portTaken,
    });
  });

  it('when this user may not open it', async () => {
    await expect(openPort(forbidden(), { host: '127.0.0.1', port: 80, variables })).rejects.toMatchObject({
      message: expect.stringMatching(/^Port 80 may not be opened by this user .*: PORT=3100 npm start$/) as unknown,
      exitCode: exitCodes.notPermitted,
    });
  });

  it.each([
    ['192.0.2.1', /^HOST=192\.0\.2\.1 is no address of this machine: /],
    ['nowhere.invalid', /^HOST=nowhere\.invalid cannot be resolved \((ENOTFOUND|EAI_AGAIN)\): /],
  ])('when the host is %s', async (host, message) => {
    await expect(openPort(listener(), { host, port: 0, variables })).rejects.toMatchObject({
      message: expect.stringMatching(message) as unknown,
      exitCode: exitCodes.misconfigured,
    });
  });
});
