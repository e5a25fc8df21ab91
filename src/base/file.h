/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files: read with a bound, written whole or not at all. */
#pragma once

#include <berth/error.h>

/* The whole of the file @path, or of standard input if @path is "-". (transfer full)
 * Errors: NOT_FOUND (no such file), BAD_INPUT (more than @max_bytes), FAILED (a folder, no permission, I/O). */
GBytes *berth_base_file_read(const char *path, gsize max_bytes, GError **error);

/* Makes @bytes the content of @path, durably: written without a name (where the file system has no such files: beside it), synced,
 * put in its place, the folder synced. A reader sees the old content or the new, never a part; when FALSE is returned before the
 * rename (no space, no permission) the old file is as it was and nothing is left behind. @mode is for a new file, less the umask;
 * an existing one keeps its mode and, if possible, its owner. A symbolic link is followed. Errors: FAILED; NOT_FOUND (no such
 * folder); USAGE (@path is no regular file). */
gboolean berth_base_file_write(const char *path, GBytes *bytes, int mode, GError **error);

/*
 * A file on its way: filled through @fd, seen by nobody until it is committed, which makes it the content of its path, durably. As
 * berth_base_file_write() otherwise; freed without commit, or if the process is killed, it leaves no trace. (Killed while an old
 * file is replaced, between two system calls and a short sync, it leaves all of the new one as ".berth-…" beside it.)
 */
typedef struct {
  int fd;
  char *path, *target;
  char *temporary; /* a name that it has now; NULL: none, or its own */
  gboolean exists; /* there is an old one */
} BerthFileDraft;
BerthFileDraft *berth_base_file_draft_new(const char *path, int mode, GError **error);
gboolean berth_base_file_draft_commit(BerthFileDraft *draft, GError **error);
void berth_base_file_draft_free(BerthFileDraft *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthFileDraft, berth_base_file_draft_free)

/* Makes a file that somebody else has written, and its name, durable. Errors: FAILED. */
gboolean berth_base_file_sync(const char *path, GError **error);

/* Removes the file @path, durably; that it is not there is fine. Errors: FAILED. */
gboolean berth_base_file_remove(const char *path, GError **error);

/* The number of the line of @text, from 1, that the byte at @offset is in. */
guint berth_base_file_line(const char *text, gsize offset);

/* Makes the folder @path and those above it that are missing, mode 0700, durably. TRUE if it is there already. Errors: FAILED. */
gboolean berth_base_file_make_dir(const char *path, GError **error);
