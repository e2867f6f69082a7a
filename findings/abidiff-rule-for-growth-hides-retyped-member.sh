#!/usr/bin/env bash
# libabigail 2.2: a suppression that is to allow structs to grow at their end
# (has_data_member_inserted_at = end) also hides that an existing member has another type, in a struct
# to which nothing was added. abidiff then ends with 0. Who guards a plugin ABI that grows at the tail
# of its tables by that rule guards nothing else of these tables.
#
# Seen (Debian's abigail-tools 2.2): "without the rule: 4", "with the rule: 0". Fails if that changes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
if ! command -v abidiff >/dev/null; then
  apt-get update -qq && apt-get install -y -qq abigail-tools >/dev/null
fi
abidiff --version
library() { # NAME TYPE
  printf 'struct table { unsigned size; %s value; };\nint use(const struct table *t);\nint use(const struct table *t) { return t != 0; }\n' \
    "$2" >"$1.c"
  gcc -g -shared -fPIC -o "$1.so" "$1.c"
}
library before long
library after double
printf '[suppress_type]\n  type_kind = struct\n  has_data_member_inserted_at = end\n' >growth.ini
without=0 with=0
abidiff before.so after.so >/dev/null || without=$?
abidiff --suppressions growth.ini before.so after.so >/dev/null || with=$?
echo "without the rule: $without"
echo "with the rule: $with"
[[ $without == 4 && $with == 0 ]]
