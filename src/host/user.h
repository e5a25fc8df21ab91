/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The user that QEMU runs as, and files that are given to it. */
#pragma once

#include <berth/error.h>
#include <sys/stat.h>

typedef struct {
  char *name; /* as it was given */
  guint32 uid, gid;
  GArray *groups; /* guint32: its own and its supplementary ones, and that of /dev/kvm */
} BerthUser;

/* @text: a user's name or number, or USER:GROUP. Errors: NOT_FOUND. (transfer full) */
BerthUser *berth_host_user_find(const char *text, GError **error);
void berth_host_user_free(BerthUser *user);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BerthUser, berth_host_user_free)

/* Whether @file's mode lets @user read (and with @write, write) it. The folders above it, and access lists, are not looked at. */
gboolean berth_host_user_may(const BerthUser *user, const struct stat *file, gboolean write);
/* The words in front of a command line that make it run as @user, with no way back: setpriv (util-linux). (transfer full) */
GStrv berth_host_user_prefix(const BerthUser *user);

/* What @path, which has no symbolic links in it, is. Errors: NOT_FOUND, FAILED. */
gboolean berth_host_owner_read(const char *path, struct stat *file, GError **error);
/* Makes it @uid's and @gid's if it is a file or device and still @from's; otherwise nothing is done. Errors: NOT_FOUND, FAILED. */
gboolean berth_host_owner_change(const char *path, gint64 from, gint64 uid, gint64 gid, GError **error);
/* Others may go through the folder @path, which this process owns, to what they know in it. */
gboolean berth_host_owner_open_folder(const char *path, GError **error);
