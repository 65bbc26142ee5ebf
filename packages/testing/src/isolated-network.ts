import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { leash } from './leash.ts';

/** Which of the two a machine has. */
export type Families = 'IPv4' | 'IPv6' | 'IPv4 and IPv6';

/** A machine as far as the network goes: with addresses and ports of its own, which nobody else reaches. */
export interface IsolatedNetwork {
  /** What has to stand before a command that is to run there. */
  readonly prefix: readonly string[];
  /** As they stand in a URL. */
  readonly loopback: readonly string[];
  /** Those under which other machines would know it. */
  readonly outside: readonly string[];
  /** What each URL answers there: the status, or the code of the error. */
  ask(urls: readonly string[]): Promise<Record<string, number | string>>;
  close(): Promise<void>;
}

const outside = { IPv4: '192.0.2.9', IPv6: '2001:db8::9' } as const;
const setUp: Readonly<Record<Families, readonly string[]>> = {
  IPv4: [
    'for each in all default lo; do echo 1 > "/proc/sys/net/ipv6/conf/$each/disable_ipv6"; done',
    `ip addr add ${outside.IPv4}/32 dev lo`,
  ],
  IPv6: ['ip addr del 127.0.0.1/8 dev lo', `ip addr add ${outside.IPv6}/128 dev lo nodad`],
  'IPv4 and IPv6': [`ip addr add ${outside.IPv4}/32 dev lo`, `ip addr add ${outside.IPv6}/128 dev lo nodad`],
};

/** @throws when the system does not let us; see `whyNoNetworks` */
export async function isolateNetwork(families: Families): Promise<IsolatedNetwork> {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-network-'));
  const hosts = join(directory, 'hosts');
  // As nearly every machine has it, whatever it has besides.
  writeFileSync(hosts, '127.0.0.1 localhost\n::1 localhost\n');
  const script = ['ip link set lo up', ...setUp[families], 'mount --bind "$1" /etc/hosts', 'echo made', 'exec cat'];
  const holder = spawn('unshare', [...unshared, 'sh', '-ec', script.join('\n'), 'network', hosts], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const release = leash({ pid: holder.pid, directory });
  let complaint = '';
  holder.stderr.on('data', (chunk: Buffer) => void (complaint += String(chunk)));
  const ended = once(holder, 'close');
  const made = await Promise.race([once(holder.stdout, 'data'), ended.catch(() => undefined)]);
  if (String(made?.[0]) !== 'made\n') throw new Error(`No network of its own: ${complaint.trim()}`);
  // It would go to the directory of the holder.
  const enter = `exec nsenter --target ${holder.pid} --user --preserve-credentials --net --mount --wd="$PWD" "$@"`;
  const prefix = ['sh', '-c', enter, 'network'];
  const of = (ipv4: string, ipv6: string): string[] => [
    ...(families === 'IPv6' ? [] : [ipv4]),
    ...(families === 'IPv4' ? [] : [`[${ipv6}]`]),
  ];
  return {
    prefix,
    loopback: of('127.0.0.1', '::1'),
    outside: of(outside.IPv4, outside.IPv6),
    async ask(urls) {
      const [command = '', ...args] = [...prefix, process.execPath, '-e', client, ...urls];
      const { stdout } = await promisify(execFile)(command, args, { timeout: 30_000 });
      return JSON.parse(stdout) as Record<string, number | string>;
    },
    async close() {
      holder.kill('SIGKILL');
      await ended;
      release();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Why `isolateNetwork` cannot work here, for the name of a test that is skipped; `undefined` where it can. */
export function whyNoNetworks(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  try {
    execFileSync('unshare', [...unshared, 'sh', '-ec', 'ip link set lo up && command -v nsenter'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const said = String((error as { stderr?: Buffer }).stderr ?? '').trim();
    return `needs unshare, nsenter, ip (iproute2) and leave to make network namespaces${said === '' ? '' : `: ${said}`}`;
  }
}

/** Also for who is not root, where the system lets them. */
const unshared = ['--user', '--map-root-user', '--net', '--mount'];

const client = `
Promise.all(process.argv.slice(1).map(async (url) => {
  try {
    const { status } = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    return [url, status];
  } catch (error) {
    return [url, error.cause?.code ?? error.name];
  }
})).then((answers) => {
  console.log(JSON.stringify(Object.fromEntries(answers)));
  process.exit(0);
});`;
