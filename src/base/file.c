/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (64u << 10)

/* FALSE always, so that callers can return it. */
static gboolean fail(GError **error, const char *path, const char *what, int number) {
  int code = number == ENOENT ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_FAILED;

  g_set_error(error, BERTH_ERROR, code, "%s: %s: %s", path, what, g_strerror(number));
  return FALSE;
}

static GBytes *read_all(int fd, const char *name, gsize max_bytes, GError **error) {
  g_autoptr(GByteArray) all = g_byte_array_new();

  while (all->len <= max_bytes) {
    gsize room = MIN(CHUNK, max_bytes - all->len + 1);
    guint have = all->len;
    g_byte_array_set_size(all, have + room);
    gssize got = read(fd, all->data + have, room);
    int number = errno;

    g_byte_array_set_size(all, have + (guint)MAX(got, 0));
    if (got == 0)
      return g_byte_array_free_to_bytes(g_steal_pointer(&all));
    if (got < 0 && number != EINTR) {
      fail(error, name, "cannot be read", number);
      return NULL;
    }
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: larger than %" G_GSIZE_FORMAT " bytes", name, max_bytes);
  return NULL;
}

GBytes *berth_base_file_read(const char *path, gsize max_bytes, GError **error) {
  if (strcmp(path, "-") == 0)
    return read_all(STDIN_FILENO, "standard input", max_bytes, error);

  int fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) {
    int number = errno;
    fail(error, path, number == ENOENT ? "not found" : "cannot be opened", number);
    return NULL;
  }
  GBytes *bytes = read_all(fd, path, max_bytes, error);
  close(fd);
  return bytes;
}

static gboolean write_all(int fd, const guint8 *data, gsize length) {
  while (length > 0) {
    gssize put = write(fd, data, length);

    if (put < 0 && errno != EINTR)
      return FALSE;
    if (put > 0) {
      data += put;
      length -= (gsize)put;
    }
  }
  return TRUE;
}

/* Fills the new file; the old one (@old, if @exists) lends its mode and owner. Leaves errno on failure. */
static gboolean fill(int fd, GBytes *bytes, gboolean exists, const struct stat *old) {
  gsize length = 0;
  const guint8 *data = g_bytes_get_data(bytes, &length);

  if (!write_all(fd, data, length))
    return FALSE;
  if (exists && fchmod(fd, old->st_mode & 07777) != 0)
    return FALSE;
  if (exists && fchown(fd, old->st_uid, old->st_gid) != 0)
    errno = 0; /* only root can; a file that now belongs to the writer is no failure */
  return fsync(fd) == 0;
}

static gboolean sync_dir(const char *dir) {
  int fd = g_open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

  if (fd < 0)
    return errno == EACCES; /* a folder that may be written but not read: nothing more can be done */
  gboolean ok = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP; /* some file systems cannot sync folders */
  int number = errno;
  close(fd);
  errno = number;
  return ok;
}

/* Where a write to @path has to end: behind the symbolic links of an existing file. */
static char *resolve(const char *path) {
  g_autofree char *real = realpath(path, NULL);

  return g_strdup(real != NULL ? real : path);
}

gboolean berth_base_file_write(const char *path, GBytes *bytes, int mode, GError **error) {
  struct stat old = {0};
  gboolean exists = stat(path, &old) == 0;
  g_autofree char *target = resolve(path);
  g_autofree char *dir = g_path_get_dirname(target);
  g_autofree char *temporary = g_build_filename(dir, ".berth-XXXXXX", NULL);

  if (exists && !S_ISREG(old.st_mode)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "%s: not a regular file", path);
    return FALSE;
  }
  int fd = g_mkstemp_full(temporary, O_RDWR | O_CLOEXEC, mode);
  if (fd < 0)
    return fail(error, path, "cannot be written", errno);

  gboolean ok = fill(fd, bytes, exists, &old);
  int number = errno;
  if (close(fd) != 0 && ok) {
    ok = FALSE;
    number = errno;
  }
  if (ok && g_rename(temporary, target) != 0) {
    ok = FALSE;
    number = errno;
  }
  if (!ok) {
    g_unlink(temporary);
    return fail(error, path, "cannot be written", number);
  }
  if (!sync_dir(dir))
    return fail(error, path, "its folder cannot be synced", errno);
  return TRUE;
}

gboolean berth_base_file_make_dir(const char *path, GError **error) {
  if (g_mkdir_with_parents(path, 0700) != 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be made: %s", path, g_strerror(errno));
    return FALSE;
  }
  return TRUE;
}
