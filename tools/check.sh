#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Format, layers, sizes, clang-tidy, cppcheck, and a build without warnings. $1: a configured build folder.
set -eu
cd "$(dirname "$0")/.."
build=$1
sources=$(git ls-files '*.c' '*.h')

# shellcheck disable=SC2086 # lists of file names
clang-format --dry-run --Werror $sources
tools/check-layers --compile

rm -rf build-werror
meson setup -Dwerror=true build-werror >/dev/null
ninja -C build-werror --quiet
# shellcheck disable=SC2086
git ls-files 'src/*.c' | xargs -P 2 -n 8 clang-tidy --quiet -p build-werror 2>/dev/null
cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
  --suppress=unknownMacro --suppress=normalCheckLevelMaxBranches -Iinclude -Isrc -j 2 src
nm -D --defined-only "$build/libberth.so" | awk '{ print $3 }' | sort | diff -u src/lib/exports.list - ||
  { echo "check: the exported symbols differ from src/lib/exports.list" >&2; exit 1; }
echo "check: ok"
