import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { workspaceFolders } from './workspaces.mjs';

/** What tsc leaves in `dist` for itself. */
const notPacked = '!dist/**/*.tsbuildinfo';
/** The condition under which a package is its sources. They are not packed, so whoever sets it would find nothing. */
const sourceCondition = '@holdfast/source';

/**
 * What every package.json of the workspace has to say, so that a new package cannot forget it: npm shows it, and refuses
 * to publish with provenance where `repository` is missing. The address of the repository stands in the package.json of
 * the root, and everything else follows from it. Replies one line each: `file: rule`.
 */
export function findBrokenManifests(root) {
  const { repository } = read(join(root, 'package.json'));
  const url = repository?.url ?? '';
  if (!/^git\+https:\/\/.+\.git$/.test(url)) return ['package.json: repository.url is git+https://….git'];
  const workspaces = workspaceFolders(root).map((folder) => {
    return { folder, manifest: read(join(root, folder, 'package.json')) };
  });
  const isPrivate = new Map(workspaces.map(({ manifest }) => [manifest.name, manifest.private === true]));
  return workspaces.flatMap(({ folder, manifest }) => {
    const rules = [
      ...everyManifest(manifest),
      ...(folder.startsWith('packages/')
        ? everyPackage(manifest, folder, url)
        : [['is not published: "private": true', manifest.private === true]]),
      ...(manifest.private === true ? [] : published(manifest, isPrivate)),
    ];
    return rules.filter(([, isKept]) => !isKept).map(([rule]) => `${folder}/package.json: ${rule}`);
  });
}

function everyManifest(manifest) {
  return [
    ['has a description', isText(manifest.description)],
    ['"license": "MIT"', manifest.license === 'MIT'],
    ['"type": "module"', manifest.type === 'module'],
    ['"engines" names the oldest Node', isText(manifest.engines?.node)],
  ];
}

function everyPackage(manifest, folder, url) {
  const page = url.replace(/^git\+/, '').replace(/\.git$/, '');
  const repository = { type: 'git', url, directory: folder };
  const homepage = `${page}/tree/main/${folder}#readme`;
  const bugs = `${page}/issues`;
  return [
    [`"repository": ${JSON.stringify(repository)}`, isDeepStrictEqual(manifest.repository, repository)],
    [`"homepage": "${homepage}"`, manifest.homepage === homepage],
    [`"bugs": "${bugs}"`, manifest.bugs === bugs],
    ['has keywords', Array.isArray(manifest.keywords) && manifest.keywords.length > 0],
  ];
}

/** Of what npm gets. Whatever is not `private` is published by the next release. */
function published(manifest, isPrivate) {
  const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {}, exports = {} } = manifest;
  const publishConfig = { access: 'public', exports: withoutSources(exports) };
  const needed = [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
  return [
    [`"publishConfig": ${JSON.stringify(publishConfig)}`, isDeepStrictEqual(manifest.publishConfig, publishConfig)],
    ['"sideEffects": false, or the files that have some', 'sideEffects' in manifest],
    [`"files" has "dist", "${notPacked}" and "README.md"`, hasAll(manifest.files, ['dist', notPacked, 'README.md'])],
    ['each of its exports has "types" before "default"', Object.values(exports).every(hasTypes)],
    ...needed
      .filter((name) => isPrivate.get(name) === true)
      .map((name) => [`needs ${name}, which is private: publish both or neither`, false]),
    ...Object.keys(peerDependencies).map((name) => [
      `the peer ${name} is optional, so that it is not installed for who does not need it`,
      peerDependenciesMeta[name]?.optional === true,
    ]),
  ];
}

function withoutSources(exports) {
  return Object.fromEntries(
    Object.entries(exports).map(([path, conditions]) => {
      const { [sourceCondition]: _, ...packed } = conditions;
      return [path, packed];
    }),
  );
}

function hasTypes(entry) {
  const conditions = Object.keys(entry);
  return conditions.at(-2) === 'types' && conditions.at(-1) === 'default';
}

function read(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function isText(value) {
  return typeof value === 'string' && value !== '';
}

function hasAll(list, wanted) {
  return Array.isArray(list) && wanted.every((one) => list.includes(one));
}
