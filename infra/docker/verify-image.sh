#!/bin/sh
# Proves what is, and what is not, in a built image: sh infra/docker/verify-image.sh <image>
# Needs the engine that holds the image: docker, or whatever CONTAINER_ENGINE names.
set -eu
image=$1
engine=${CONTAINER_ENGINE:-docker}

# Nothing but a shell and node are needed inside; the file system is read-only, as in compose and Kubernetes.
"$engine" run --rm --read-only --entrypoint sh "$image" -euc '
  fail() { echo "not as it should be: $1" >&2; exit 1; }
  [ "$(id -u)" = 1000 ] || fail "it runs as $(id -un)"
  [ "$NODE_ENV" = production ] || fail "NODE_ENV is $NODE_ENV"
  case "$(node --version)" in v24.*) ;; *) fail "node is $(node --version)" ;; esac
  for tool in npm npx corepack yarn pnpm; do
    ! command -v "$tool" >/dev/null || fail "$tool is installed"
  done
  [ -f dist/server.js ] || [ -f dist/main.js ] || fail "there is no entry point"
  # What a dead pod has left is forwarded by a command of the same image: without a folder it says how it is called.
  [ ! -f dist/server.js ] || node dist/forward.js 2>&1 | grep -q "^Usage: forward" || fail "dist/forward.js does not start"
  # Without it the embedded queue takes twice the memory of a small container at its first start.
  find node_modules/.pnpm -path "*/queue/template/*.sqlar" -readable 2>/dev/null | grep -q . || fail "the template of the embedded queue is missing"
  # Only the API can do without a Redis.
  pglite=$(find node_modules/.pnpm -maxdepth 1 -name "@electric-sql+pglite@*")
  if [ -f dist/server.js ]; then [ -n "$pglite" ] || fail "PGlite is missing"; else [ -z "$pglite" ] || fail "PGlite is in it"; fi
  # Only the API keeps anything on disk.
  if [ -f dist/server.js ]; then
    [ "$(stat -c %u "$HOLDFAST_DATA_DIR")" = 1000 ] || fail "the data folder is not ours"
  else
    [ -z "${HOLDFAST_DATA_DIR:-}" ] && [ ! -e /var/lib/holdfast ] || fail "there is a data folder"
  fi
  ! find / -xdev -path "*/@holdfast/*" \( -name src -o -name test \) 2>/dev/null | grep . || fail "sources or tests are in it"
  [ ! -e src ] && [ ! -e test ] || fail "sources or tests are in it"
  for package in typescript vitest oxlint turbo knip fast-check @changesets node; do
    [ ! -e "node_modules/$package" ] && [ ! -e "node_modules/.pnpm/node_modules/$package" ] || fail "$package is in it"
  done
  echo "as it should be: node $(node --version), $(du -sh /app | cut -f 1) of app"
'
