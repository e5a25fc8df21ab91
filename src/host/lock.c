/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAUSE_US 20000

struct BerthLock {
  int fd;
  char *path;
};

static int open_lock(const char *path, GError **error) {
  g_autofree char *folder = g_path_get_dirname(path);
  int fd = -1;
  if (g_mkdir_with_parents(folder, 0700) == 0)
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be opened for locking: %s", path, g_strerror(errno));
  return fd;
}

/* A lock on a file that somebody removed or replaced meanwhile keeps nobody out. */
static gboolean is_at(int fd, const char *path) {
  struct stat held, there;
  return fstat(fd, &held) == 0 && stat(path, &there) == 0 && held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

typedef enum { TAKEN, HELD, STALE, BROKEN } Attempt;

static Attempt try_lock(int fd, const char *path) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0)
    return is_at(fd, path) ? TAKEN : STALE;
  return errno == EWOULDBLOCK || errno == EINTR ? HELD : BROKEN;
}

BerthLock *berth_host_lock_take(const char *path, const char *what, guint timeout_ms, GError **error) {
  gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  int fd = open_lock(path, error);
  Attempt attempt = HELD;
  while (fd >= 0) {
    attempt = try_lock(fd, path);
    if (attempt == TAKEN || attempt == BROKEN || (attempt == HELD && g_get_monotonic_time() >= until))
      break;
    if (attempt == HELD) {
      g_usleep(PAUSE_US);
    } else {
      close(fd);
      fd = open_lock(path, error);
    }
  }
  if (fd < 0)
    return NULL;
  if (attempt != TAKEN) {
    if (attempt == HELD)
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "%s: another command is at work on it", what);
    else
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s cannot be locked: %s", what, path, g_strerror(errno));
    close(fd);
    return NULL;
  }
  BerthLock *lock = g_new(BerthLock, 1);
  lock->fd = fd;
  lock->path = g_strdup(path);
  return lock;
}

void berth_host_lock_remove(BerthLock *lock) {
  unlink(lock->path);
}

void berth_host_lock_free(BerthLock *lock) {
  if (lock == NULL)
    return;
  close(lock->fd);
  g_free(lock->path);
  g_free(lock);
}
