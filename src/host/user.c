/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KVM "/dev/kvm"

void berth_host_user_free(BerthUser *user) {
  if (user == NULL)
    return;
  g_free(user->name);
  g_clear_pointer(&user->groups, g_array_unref);
  g_free(user);
}

static gboolean read_number(const char *text, guint32 *number) {
  guint64 value = 0;
  if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &value, NULL))
    return FALSE;
  *number = (guint32)value;
  return TRUE;
}

static gboolean find_group(const char *text, guint32 *gid, GError **error) {
  const struct group *group = getgrnam(text);
  if (group != NULL)
    *gid = group->gr_gid;
  if (group != NULL || read_number(text, gid))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "group '%s': there is no such group", text);
  return FALSE;
}

/* A number needs no entry in the user database. */
static gboolean find_user(const char *text, BerthUser *user, char **login, GError **error) {
  guint32 number = 0;
  const struct passwd *entry = getpwnam(text);
  if (entry == NULL && read_number(text, &number))
    entry = getpwuid(number);
  if (entry != NULL) {
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    *login = g_strdup(entry->pw_name);
    return TRUE;
  }
  user->uid = user->gid = number;
  if (read_number(text, &number))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "user '%s': there is no such user", text);
  return FALSE;
}

static void add_groups(BerthUser *user, const char *login) {
  int n = 0;
  struct stat kvm;
  g_array_append_val(user->groups, user->gid);
  if (login != NULL)
    getgrouplist(login, user->gid, NULL, &n);
  g_autofree gid_t *groups = g_new0(gid_t, (gsize)n + 1);
  if (n > 0 && getgrouplist(login, user->gid, groups, &n) < 0)
    n = 0;
  for (int i = 0; i < n; i++)
    if (groups[i] != user->gid)
      g_array_append_val(user->groups, groups[i]);
  if (stat(KVM, &kvm) == 0 && (kvm.st_mode & S_IWGRP) != 0)
    g_array_append_val(user->groups, kvm.st_gid);
}

BerthUser *berth_host_user_find(const char *text, GError **error) {
  g_auto(GStrv) parts = g_strsplit(text, ":", 2);
  g_autofree char *login = NULL;
  g_autoptr(BerthUser) user = g_new0(BerthUser, 1);
  user->name = g_strdup(text);
  user->groups = g_array_new(FALSE, FALSE, sizeof(guint32));
  if (parts[0] == NULL || !find_user(parts[0], user, &login, error) ||
      (parts[1] != NULL && !find_group(parts[1], &user->gid, error))) {
    if (parts[0] == NULL)
      g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "user '': there is no such user");
    return NULL;
  }
  add_groups(user, login);
  return g_steal_pointer(&user);
}

static gboolean in_group(const BerthUser *user, guint32 gid) {
  for (guint i = 0; i < user->groups->len; i++)
    if (g_array_index(user->groups, guint32, i) == gid)
      return TRUE;
  return FALSE;
}

gboolean berth_host_user_may(const BerthUser *user, const struct stat *file, gboolean write) {
  mode_t wanted = write ? S_IROTH | S_IWOTH : S_IROTH;
  if (user->uid == 0)
    return TRUE;
  if (file->st_uid == user->uid)
    wanted <<= 6;
  else if (in_group(user, file->st_gid))
    wanted <<= 3;
  return (file->st_mode & wanted) == wanted;
}

GStrv berth_host_user_prefix(const BerthUser *user) {
  g_autoptr(GStrvBuilder) words = g_strv_builder_new();
  g_autoptr(GString) groups = g_string_new(NULL);
  for (guint i = 0; i < user->groups->len; i++)
    g_string_append_printf(groups, "%s%u", i > 0 ? "," : "", g_array_index(user->groups, guint32, i));
  g_autofree char *uid = g_strdup_printf("%u", user->uid);
  g_autofree char *gid = g_strdup_printf("%u", user->gid);
  g_strv_builder_add_many(words, "setpriv", "--reuid", uid, "--regid", gid, "--groups", groups->str, "--inh-caps", "-all",
                          "--bounding-set", "-all", "--no-new-privs", "--", NULL);
  return g_strv_builder_end(words);
}

/* ---- files ---- */

/* Whoever can write in a folder above must not make this process follow a link to somebody else's file. */
static int open_path(const char *path, GError **error) {
  const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (fd < 0)
    g_set_error(error, BERTH_ERROR, errno == ENOENT ? BERTH_ERROR_NOT_FOUND : BERTH_ERROR_FAILED, "%s: %s", path,
                g_strerror(errno));
  return fd;
}

static gboolean examine(int fd, const char *path, struct stat *file, GError **error) {
  if (fstat(fd, file) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
  return FALSE;
}

gboolean berth_host_owner_read(const char *path, struct stat *file, GError **error) {
  int fd = open_path(path, error);
  gboolean done = fd >= 0 && examine(fd, path, file, error);
  if (fd >= 0)
    close(fd);
  return done;
}

static gboolean change_owner(int fd, const char *path, gint64 from, gint64 uid, gint64 gid, GError **error) {
  struct stat file;
  if (!examine(fd, path, &file, error))
    return FALSE;
  gboolean ours = S_ISREG(file.st_mode) || S_ISBLK(file.st_mode) || S_ISCHR(file.st_mode);
  if (!ours || file.st_uid != from || fchownat(fd, "", (uid_t)uid, (gid_t)gid, AT_EMPTY_PATH) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be made user %" G_GINT64_FORMAT "'s: %s", path, uid,
              g_strerror(errno));
  return FALSE;
}

gboolean berth_host_owner_change(const char *path, gint64 from, gint64 uid, gint64 gid, GError **error) {
  int fd = open_path(path, error);
  gboolean done = fd >= 0 && change_owner(fd, path, from, uid, gid, error);
  if (fd >= 0)
    close(fd);
  return done;
}

gboolean berth_host_owner_open_folder(const char *path, GError **error) {
  struct stat folder;
  if (lstat(path, &folder) == 0 && S_ISDIR(folder.st_mode) &&
      ((folder.st_mode & S_IXOTH) != 0 || chmod(path, (folder.st_mode & 07777) | S_IXOTH) == 0))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be opened to others: %s", path, g_strerror(errno));
  return FALSE;
}
