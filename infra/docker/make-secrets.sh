#!/bin/sh
# Makes the secret files that docker-compose.yml mounts, in secrets/ at the root of the repository (or in the folder
# given as first argument). Files that exist are kept, so it can be run again. Prints the new API key once: only its
# SHA-256 is stored. NOVITA_API_KEY is taken from the environment when it is set, and so is UPSTASH_REDIS_REST_TOKEN, which
# docker-compose.upstash.yml needs.
set -eu
cd "$(dirname "$0")/../.."
folder=${1:-secrets}
mkdir -p "$folder"
# The folder keeps other users of this machine out. The files themselves must be readable by the containers' users
# (1000 and 999), because Compose mounts them as they are.
chmod 700 "$folder"
umask 022

random() { od -An -v -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }
sha256() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1; }
# Written aside and moved, so that an interruption leaves no half-written secret behind.
store() {
  cat >"$folder/.new"
  mv "$folder/.new" "$folder/$1"
  echo "made $folder/$1"
}
missing() { [ ! -f "$folder/$1" ]; }

if missing redis_cache_password; then random 32 | store redis_cache_password; fi
if missing redis_durable_password; then
  random 32 | store redis_durable_password
  rm -f "$folder/queue_redis_url"
fi
if missing queue_redis_url; then
  printf 'redis://:%s@redis-durable:6379' "$(cat "$folder/redis_durable_password")" | store queue_redis_url
fi
if missing novita_api_key; then
  # A secret file must not be empty. With this one the upstream answers 401, and everything else works.
  printf '%s' "${NOVITA_API_KEY:-no-key-yet}" | store novita_api_key
  if [ -z "${NOVITA_API_KEY:-}" ]; then echo "put the key of your upstream API into $folder/novita_api_key"; fi
fi
if [ -n "${UPSTASH_REDIS_REST_TOKEN:-}" ] && missing upstash_redis_rest_token; then
  printf '%s' "$UPSTASH_REDIS_REST_TOKEN" | store upstash_redis_rest_token
fi
if missing holdfast_api_keys; then
  key="hf_admin_$(random 32)"
  scopes=cache:read+cache:write+jobs:read+jobs:write+coordination:read+coordination:write+sources:read+sources:write+admin
  printf 'admin:%s:%s\n' "$(printf '%s' "$key" | sha256)" "$scopes" | store holdfast_api_keys
  echo
  echo "Your API key, shown this once:  $key"
fi
