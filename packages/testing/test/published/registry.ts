import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { root } from '../documents/pages.ts';
import type { Manifest, Tarball } from './tarballs.ts';

/** An npm registry on loopback. */
export interface Registry {
  readonly url: string;
  /** What was downloaded from it, by name. */
  readonly downloads: readonly string[];
  stop(): Promise<void>;
}

interface Release {
  readonly manifest: Manifest;
  readonly integrity: string;
}

const virtualStore = join(root, 'node_modules/.pnpm');
const byVersion = new Intl.Collator('en', { numeric: true });

/**
 * Offers the tarballs as if they were released, and whatever is in the lockfile of this repository in just that version.
 * A package manager then resolves ranges and peers as it does for everybody; the tarballs come from here, and everything
 * else, whose integrity it is told, is in the store from which this repository was installed. So nothing leaves the machine.
 */
export async function startRegistry(tarballs: readonly Tarball[]): Promise<Registry> {
  const ours = new Map(tarballs.map((tarball) => [tarball.manifest.name, tarball]));
  const locked = lockedIntegrities();
  const downloads: string[] = [];

  const releasesOf = (name: string): Release[] => {
    const own = ours.get(name);
    if (own !== undefined) return [{ manifest: own.manifest, integrity: integrityOf(readFileSync(own.file)) }];
    return [...locked]
      .filter(([key]) => key.startsWith(`${name}@`))
      .toSorted(([a], [b]) => byVersion.compare(a, b))
      .flatMap(([key, integrity]) => {
        const manifest = installedManifest(name, key.slice(name.length + 1));
        return manifest === undefined ? [] : [{ manifest, integrity }];
      });
  };

  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1);
    const [name = '', file] = path.split('/-/');
    if (file !== undefined) {
      downloads.push(name);
      const own = ours.get(name);
      if (own === undefined) response.writeHead(404).end();
      else response.end(readFileSync(own.file));
      return;
    }
    answer(response, path, url);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** `<name>` is asked for with all its versions, `<name>/latest` for the newest. */
  function answer(response: ServerResponse, path: string, base: string): void {
    const name = path.replace(/\/latest$/, '');
    const versions = releasesOf(name).map(({ manifest, integrity }) => {
      return { ...manifest, dist: { integrity, tarball: `${base}/${name}/-/${manifest.version}.tgz` } };
    });
    const latest = versions.at(-1);
    if (latest === undefined) {
      response.writeHead(404).end('{}');
      return;
    }
    const all = Object.fromEntries(versions.map((one) => [one.version, one]));
    const document = path === name ? { name, 'dist-tags': { latest: latest.version }, versions: all } : latest;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  }

  return {
    url,
    downloads,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** `name@version` → integrity, of everything that comes from a registry. */
function lockedIntegrities(): Map<string, string> {
  const text = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8');
  const entries = text.matchAll(/^  '?(@?[^@'\n]+@[^@'\n(:]+)'?:\n    resolution: \{integrity: ([^},\s]+)/gm);
  return new Map([...entries].map(([, key = '', integrity = '']) => [key, integrity]));
}

/** `undefined` of what is for another platform than this one. */
function installedManifest(name: string, version: string): Manifest | undefined {
  const folder = `${name.replace('/', '+')}@${version}`;
  // Behind an underscore are the peers that it was installed with, which are no part of its manifest.
  const found = readdirSync(virtualStore).find((each) => each === folder || each.startsWith(`${folder}_`));
  const file = join(virtualStore, found ?? folder, 'node_modules', name, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Manifest) : undefined;
}

function integrityOf(bytes: Buffer): string {
  return `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
}
