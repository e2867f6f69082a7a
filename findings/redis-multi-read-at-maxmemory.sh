#!/usr/bin/env bash
# Redis 7.0 at maxmemory: commands that only read are answered as ever, but not between MULTI and EXEC,
# where each of them is refused with OOM, and EXEC with EXECABORT. Who reads two keys in one
# transaction, so that they fit each other, gets neither.
#
# Seen (Debian's redis-server 7.0.15): "alone: 1", "in MULTI: OOM", "EXEC: EXECABORT". Fails if that changes.
set -euo pipefail
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$dir"' EXIT
cd "$dir"
if ! command -v redis-server >/dev/null; then
  apt-get update -qq && apt-get install -y -qq redis-server redis-tools >/dev/null
fi
redis-server --version
redis-server --port 0 --unixsocket "$dir/s" --save '' --dir "$dir" --maxmemory-policy noeviction >log &
pid=$!
cli() { redis-cli -s "$dir/s" "$@" 2>&1; }
for _ in $(seq 50); do cli ping >/dev/null && break; sleep 0.1; done
cli set a 1 >/dev/null
cli config set maxmemory 1 >/dev/null
alone=$(cli get a)
mapfile -t inside < <(printf 'MULTI\nGET a\nEXEC\n' | cli | grep .)
echo "alone: $alone"
echo "in MULTI: ${inside[1]%% *}"
echo "EXEC: ${inside[2]%% *}"
[ "$alone" = 1 ]
[[ ${inside[1]} == *OOM* && ${inside[2]} == *EXECABORT* ]]
