#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs what berth needs on Debian 12 or Ubuntu, as far as it is missing, and says what it does. Root is needed only for that.
#   tools/deps.sh            what build, run and test need
#   tools/deps.sh check      and what the checks need
#   tools/deps.sh fuzz       and what the fuzz targets need
set -eu

packages="gcc libc6-dev pkg-config meson ninja-build python3 libglib2.0-dev libexpat1-dev libjson-c-dev libsqlite3-dev
libsmartcols-dev libosinfo-1.0-dev libxml2-dev osinfo-db qemu-system-x86 qemu-utils ovmf busybox-static cpio ca-certificates"
[ "${1:-}" = fuzz ] && packages="$packages clang libclang-rt-dev"
[ "${1:-}" = check ] && packages="$packages clang-format clang-tidy cppcheck"

missing=
for package in $packages; do
  case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) in
  *" installed") ;;
  *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "deps: this is neither Debian nor Ubuntu; install by hand:$missing" >&2
  exit 1
fi
as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "deps: run as root: apt-get install --no-install-recommends$missing" >&2; exit 1; }
  as_root=sudo
fi
echo "deps: installing$missing"
$as_root apt-get -qq update
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null
