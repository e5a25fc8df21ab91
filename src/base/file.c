/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 4096u /* to begin with; then as much as there is already */
#define NAME_TRIES 100

/* FALSE always, so that callers can return it. */
static gboolean fail(GError **error, const char *path, const char *what, int number) {
  int code = number == ENOENT ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_FAILED;

  g_set_error(error, BERTH_ERROR, code, "%s: %s: %s", path, what, g_strerror(number));
  return FALSE;
}

static GBytes *read_all(int fd, const char *name, gsize max_bytes, GError **error) {
  g_autoptr(GByteArray) all = g_byte_array_new();

  while (all->len <= max_bytes) {
    gsize room = MIN(MAX(CHUNK, all->len), max_bytes - all->len + 1);
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

BerthFileDraft *berth_base_file_draft_new(const char *path, int mode, GError **error) {
  struct stat old = {0};
  gboolean exists = stat(path, &old) == 0;

  if (exists && !S_ISREG(old.st_mode)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "%s: not a regular file", path);
    return NULL;
  }
  g_autofree char *target = resolve(path);
  g_autofree char *dir = g_path_get_dirname(target);
  g_autofree char *temporary = NULL;
  /* Without a name, nothing is left whenever this process is killed; not all file systems can do that. */
  int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
  if (fd < 0) {
    temporary = g_build_filename(dir, ".berth-XXXXXX", NULL);
    fd = g_mkstemp_full(temporary, O_RDWR | O_CLOEXEC, mode);
  }
  if (fd < 0) {
    fail(error, path, "cannot be written", errno);
    return NULL;
  }
  BerthFileDraft *draft = g_new0(BerthFileDraft, 1);
  draft->fd = fd;
  draft->path = g_strdup(path);
  draft->target = g_steal_pointer(&target);
  draft->temporary = g_steal_pointer(&temporary);
  draft->exists = exists;
  return draft;
}

/* Leaves errno on failure. */
static gboolean link_to(BerthFileDraft *draft, const char *name) {
  g_autofree char *here = g_strdup_printf("/proc/self/fd/%d", draft->fd);
  if (linkat(AT_FDCWD, here, AT_FDCWD, name, AT_SYMLINK_FOLLOW) != 0)
    return FALSE;
  g_free(draft->temporary);
  draft->temporary = g_strdup(name);
  return TRUE;
}

/* A link cannot take the place of a file that is there: then there is another name, until the rename. */
static gboolean give_name(BerthFileDraft *draft) {
  gboolean named = link_to(draft, draft->target);
  g_autofree char *dir = g_path_get_dirname(draft->target);
  for (guint tries = 0; !named && errno == EEXIST && tries < NAME_TRIES; tries++) {
    g_autofree char *name = g_strdup_printf("%s/.berth-%08x", dir, g_random_int());
    named = link_to(draft, name);
  }
  /* Once more, which is little: btrfs logs nothing of a file that has no name. */
  return named && fsync(draft->fd) == 0;
}

/* The old file lends its mode and owner. Leaves errno on failure. */
static gboolean finish(BerthFileDraft *draft) {
  struct stat old = {0};

  if (draft->exists && stat(draft->target, &old) == 0) {
    if (fchmod(draft->fd, old.st_mode & 07777) != 0)
      return FALSE;
    if (fchown(draft->fd, old.st_uid, old.st_gid) != 0)
      errno = 0; /* only root can; a file that now belongs to the writer is no failure */
  }
  if (fsync(draft->fd) != 0 || (draft->temporary == NULL && !give_name(draft)))
    return FALSE;
  int fd = draft->fd;
  draft->fd = -1;
  return close(fd) == 0 && (g_str_equal(draft->temporary, draft->target) || g_rename(draft->temporary, draft->target) == 0);
}

gboolean berth_base_file_draft_commit(BerthFileDraft *draft, GError **error) {
  if (!finish(draft))
    return fail(error, draft->path, "cannot be written", errno);
  g_clear_pointer(&draft->temporary, g_free);
  g_autofree char *dir = g_path_get_dirname(draft->target);
  if (!sync_dir(dir))
    return fail(error, draft->path, "its folder cannot be synced", errno);
  return TRUE;
}

void berth_base_file_draft_free(BerthFileDraft *draft) {
  if (draft == NULL)
    return;
  if (draft->fd >= 0)
    close(draft->fd);
  if (draft->temporary != NULL)
    g_unlink(draft->temporary);
  g_free(draft->temporary);
  g_free(draft->target);
  g_free(draft->path);
  g_free(draft);
}

gboolean berth_base_file_write(const char *path, GBytes *bytes, int mode, GError **error) {
  gsize length = 0;
  const guint8 *data = g_bytes_get_data(bytes, &length);
  g_autoptr(BerthFileDraft) draft = berth_base_file_draft_new(path, mode, error);

  if (draft == NULL)
    return FALSE;
  if (!write_all(draft->fd, data, length))
    return fail(error, path, "cannot be written", errno);
  return berth_base_file_draft_commit(draft, error);
}

gboolean berth_base_file_sync(const char *path, GError **error) {
  g_autofree char *dir = g_path_get_dirname(path);
  int fd = g_open(path, O_RDONLY | O_CLOEXEC, 0);
  gboolean ok = fd >= 0 && fsync(fd) == 0 && sync_dir(dir);
  int number = errno;

  if (fd >= 0)
    close(fd);
  return ok || fail(error, path, "cannot be synced", number);
}

gboolean berth_base_file_remove(const char *path, GError **error) {
  g_autofree char *dir = g_path_get_dirname(path);

  if (g_unlink(path) != 0)
    return errno == ENOENT || fail(error, path, "cannot be removed", errno);
  return sync_dir(dir) || fail(error, path, "its folder cannot be synced", errno);
}

/* Its own name is on disk only once the folder above is synced. */
static gboolean make_dir(const char *path) {
  if (g_file_test(path, G_FILE_TEST_IS_DIR))
    return TRUE;
  g_autofree char *parent = g_path_get_dirname(path);
  if (!g_str_equal(parent, path) && !make_dir(parent))
    return FALSE;
  if (g_mkdir(path, 0700) != 0 && !(errno == EEXIST && g_file_test(path, G_FILE_TEST_IS_DIR)))
    return FALSE;
  return sync_dir(parent);
}

gboolean berth_base_file_make_dir(const char *path, GError **error) {
  if (make_dir(path))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be made: %s", path, g_strerror(errno));
  return FALSE;
}

guint berth_base_file_line(const char *text, gsize offset) {
  guint line = 1;

  for (gsize i = 0; i < offset; i++)
    line += text[i] == '\n';
  return line;
}
