import { listen, type Listener } from './listen.ts';
import { exitCodes, StartError } from './start-error.ts';

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  /** The variables that these come from, to be named where they are wrong. */
  readonly variables: { readonly host: string; readonly port: string };
}

/**
 * Listens, and replies the address under which this machine reaches it.
 * @throws StartError that says in one sentence why it cannot, and what to do
 */
export async function openPort(app: Listener, options: PortOptions): Promise<string> {
  try {
    return await listen(app, options);
  } catch (error) {
    throw explainListenError(error, options) ?? error;
  }
}

/** What an error of `listen` means to whoever starts the process; `undefined` for one that says nothing of the address. */
export function explainListenError(error: unknown, { host, port, variables }: PortOptions): StartError | undefined {
  const code = String((error as { code?: unknown }).code);
  const cause = { cause: error };
  const another = `${variables.port}=${port < 1024 || port > 65_435 ? 3100 : port + 100} npm start`;
  switch (code) {
    case 'EADDRINUSE':
      return new StartError(
        `Port ${port} is taken by another process: stop that one, or choose another port: ${another}`,
        exitCodes.portTaken,
        cause,
      );
    case 'EACCES':
      return new StartError(
        `Port ${port} may not be opened by this user (those below 1024 are the system's): choose another one: ${another}`,
        exitCodes.notPermitted,
        cause,
      );
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
    case 'EINVAL':
      return new StartError(
        `${variables.host}=${host} is no address of this machine: use localhost for this machine alone, or :: for all that it has.`,
        exitCodes.misconfigured,
        cause,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartError(
        `${variables.host}=${host} cannot be resolved (${code}): use an address of this machine, or localhost.`,
        exitCodes.misconfigured,
        cause,
      );
    default:
      return undefined;
  }
}
