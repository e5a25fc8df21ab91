#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs each fuzz target. $1: a build folder configured with -Dfuzz=true; $2: seconds for each; $3 …: targets (all).
set -eu
build=$1 seconds=$2
shift 2
[ $# -gt 0 ] || set -- xml record engine
seeds=$PWD/tests/fuzz/seeds dictionaries=$PWD/tests/fuzz

# shellcheck disable=SC2046 # a list of words
ninja -C "$build" --quiet $(printf 'tests/fuzz/fuzz-%s ' "$@")
cd "$build"
# Short stacks and a small quarantine: allocation is what the targets do most.
export ASAN_OPTIONS=malloc_context_size=8:quarantine_size_mb=16
for target in "$@"; do
  mkdir -p "corpus/$target"
  dictionary=
  [ ! -f "$dictionaries/$target.dict" ] || dictionary=-dict=$dictionaries/$target.dict
  length=4096
  [ "$target" != engine ] || length=400
  echo "fuzz: $target for $seconds s"
  # shellcheck disable=SC2086 # may be empty
  tests/fuzz/fuzz-"$target" -max_len=$length -max_total_time="$seconds" -timeout=30 -artifact_prefix="$target-" $dictionary \
    "corpus/$target" "$seeds/$target" >"fuzz-$target.log" 2>&1 || { tail -n 60 "fuzz-$target.log"; exit 1; }
  grep '^Done' "fuzz-$target.log"
done
