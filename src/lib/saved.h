/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a saved guest (docs/save.md): a head with the manifest, then QEMU's state to the end of the file. */
#pragma once

#include "base/file.h"
#include "model/manifest.h"

/* The head, which is a multiple of this long, so that the state can be read and written past the page cache. */
#define BERTH_LIB_SAVED_ALIGNMENT 4096

/* @state: how many bytes of state follow; @sum: their SHA-256 in hexadecimal, NULL: not known yet. Heads that differ only in these
 * are of one length. (transfer full) */
GBytes *berth_lib_saved_head(const BerthManifest *manifest, guint64 state, const char *sum);

typedef struct {
  int fd; /* at the first byte of the state; -1: closed */
  BerthManifest *manifest;
  guint64 state; /* bytes */
  char *sum;     /* of these; NULL: the file is of a form that has none */
} BerthLibSaved;
/* Opens a file and checks all of it but the state itself, whose checksum whoever reads it has to compare. Errors: NOT_FOUND,
 * BAD_INPUT (no saved guest, truncated, damaged), NEWER.
 */
gboolean berth_lib_saved_open(BerthLibSaved *saved, const char *path, GError **error);
void berth_lib_saved_clear(BerthLibSaved *saved);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BerthLibSaved, berth_lib_saved_clear)
