# What tests/package/inside and tests/package/booted share. The packages lie beside this file.
# shellcheck shell=bash
packages=$(dirname "${BASH_SOURCE[0]}")
here=$(echo "$packages"/plugboard_*_*.deb)
dev=$(echo "$packages"/plugboard-dev_*.deb)
work=$(mktemp -d)
good=0
bad=0

# check NAME COMMAND...: its output is shown when it fails.
check() {
  local name=$1
  shift
  # Not as a condition of `if`, where a failing line inside would not end it.
  (set -eo pipefail; "$@") >"$work/output" 2>&1 </dev/null
  if (($? == 0)); then
    good=$((good + 1))
    printf 'ok      %s\n' "$name"
  else
    bad=$((bad + 1))
    printf 'FAILED  %s\n' "$name"
    sed 's/^/        /' "$work/output"
  fi
}

finish() {
  printf '\n%d passed, %d failed\n' "$good" "$bad"
  ((bad == 0 && good > 0))
  exit
}

# For what must not succeed: a line that begins with ! ends no check.
fails() {
  if "$@"; then
    echo "succeeded: $*"
    return 1
  fi
}

# eventually COMMAND...: within 30 seconds.
eventually() {
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    if "$@"; then return 0; fi
    sleep 0.1
  done
  echo "not within 30 s: $*"
  return 1
}

# get PATH PORT: the answer's first line.
get() {
  exec 5<>"/dev/tcp/127.0.0.1/$2"
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$1" >&5
  head -n 1 <&5
  exec 5<&-
}

version_of() { dpkg-query -W -f='${Version}' "$1"; }
mode_of() { stat -c '%U:%G %a' "$1"; }

# Prints the servers that run, and fails when there is none.
pgrep_exe() {
  local proc status=1
  for proc in /proc/[0-9]*; do
    [[ $(readlink "$proc/exe") == /usr/bin/plugboard* ]] || continue
    basename "$proc"
    status=0
  done
  return $status
}

journal_has() {
  journalctl -u plugboard --output=cat --no-pager >"$work/journal"
  grep -q "$1" "$work/journal" || { cat "$work/journal"; return 1; }
}

# next_version VERSION: the same package with that version, and one line more in its plugboard.ini.
next_version() {
  local dir=$work/next
  rm -rf "$dir"
  dpkg-deb -R "$here" "$dir"
  sed -i "s/^Version: .*/Version: $1/" "$dir/DEBIAN/control"
  echo "# of version $1" >>"$dir/etc/plugboard/plugboard.ini"
  (cd "$dir" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums)
  dpkg-deb -b "$dir" "$work/plugboard-$1.deb"
}
