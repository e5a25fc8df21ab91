/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU as another user. What it has to read or write and may not is made its own, and given back when the guest ends. Whose a file
 * was is in the store before the file changes hands, so that whoever comes after a crash can give it back. Guests may share a file:
 * the last one gives it back.
 */
#include "lib/lib.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "guest/files.h"
#include "guest/launch.h"

#define CONFIG_MAX_BYTES 65536

/* ---- who ---- */

/* The administrator's choice; NULL without error: none was made. (transfer full) */
static char *configured(const BerthEnv *env, GError **error) {
  g_autoptr(GKeyFile) config = g_key_file_new();
  g_autoptr(GError) failure = NULL;
  if (!g_key_file_load_from_file(config, env->config, G_KEY_FILE_NONE, &failure)) {
    if (!g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT))
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: %s", env->config, failure->message);
    return NULL;
  }
  g_autofree char *user = g_key_file_get_string(config, "qemu", "user", NULL);
  return user != NULL && *g_strstrip(user) != '\0' ? g_steal_pointer(&user) : NULL;
}

gboolean berth_lib_user(const BerthEnv *env, BerthUser **user, GError **error) {
  g_autoptr(GError) failure = NULL;
  g_autofree char *text = env->qemu_user != NULL ? g_strdup(env->qemu_user) : geteuid() == 0 ? configured(env, &failure) : NULL;
  *user = NULL;
  if (failure != NULL) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  if (text == NULL)
    return TRUE;
  g_autoptr(BerthUser) found = berth_host_user_find(text, error);
  if (found == NULL)
    return FALSE;
  if (found->uid == geteuid())
    return TRUE;
  if (geteuid() != 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "QEMU as user '%s': only root can start it as somebody else", text);
    return FALSE;
  }
  *user = g_steal_pointer(&found);
  return TRUE;
}

/* ---- give ---- */

/* QEMU would make it, but not in this folder. */
static gboolean make(const char *path, GError **error) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: cannot be made: %s", path, g_strerror(errno));
    return FALSE;
  }
  close(fd);
  return TRUE;
}

/* What has to change hands: whose @file is, or another guest has recorded that it was. NULL without error: nothing. */
static BerthStoreOwner *claim(BerthStoreWrite *write, const char *uuid, const BerthUser *user, const BerthGuestFile *file,
                              GError **error) {
  struct stat now;
  if (file->make && access(file->path, F_OK) != 0 && !make(file->path, error))
    return NULL;
  g_autofree char *path = realpath(file->path, NULL);
  /* QEMU says it better what is not there. */
  if (path == NULL || !berth_host_owner_read(path, &now, NULL))
    return NULL;
  g_autoptr(BerthStoreOwner) other = NULL;
  if (!berth_store_owner_elsewhere(write, uuid, path, &other, error) ||
      (other == NULL && berth_host_user_may(user, &now, file->write)))
    return NULL;
  BerthStoreOwner *owner = g_new0(BerthStoreOwner, 1);
  owner->path = g_steal_pointer(&path);
  owner->uid = other != NULL ? other->uid : now.st_uid;
  owner->gid = other != NULL ? other->gid : now.st_gid;
  owner->given = user->uid;
  return owner;
}

static gboolean is_recorded(const GPtrArray *owners, const BerthStoreOwner *owner) {
  for (guint i = 0; i < owners->len; i++) {
    const BerthStoreOwner *known = g_ptr_array_index(owners, i);
    if (g_str_equal(known->path, owner->path) && known->given == owner->given)
      return TRUE;
  }
  return FALSE;
}

/* Records the claims on @files. (transfer container full) */
static GPtrArray *record(Berth *berth, const char *uuid, const BerthUser *user, const GPtrArray *files, GError **error) {
  g_autoptr(GPtrArray) claims = g_ptr_array_new_with_free_func((GDestroyNotify)berth_store_owner_free);
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  g_autoptr(GPtrArray) known = write != NULL ? berth_store_owners(berth->store, uuid, error) : NULL;
  if (known == NULL)
    return NULL;
  for (guint i = 0; i < files->len; i++) {
    g_autoptr(GError) failure = NULL;
    BerthStoreOwner *owner = claim(write, uuid, user, g_ptr_array_index(files, i), &failure);
    if (owner != NULL)
      g_ptr_array_add(claims, owner);
    if (failure != NULL ||
        (owner != NULL && !is_recorded(known, owner) && !berth_store_write_owner(write, uuid, owner, &failure))) {
      g_propagate_error(error, g_steal_pointer(&failure));
      return NULL;
    }
  }
  return claims->len == 0 || berth_store_write_commit(g_steal_pointer(&write), error) ? g_steal_pointer(&claims) : NULL;
}

/* The user has to pass berth's own folders; what is in them stays closed. */
static gboolean open_folders(const Berth *berth, const char *uuid, GError **error) {
  g_autofree char *run_dir = berth_lib_run_dir(berth->env, uuid);
  g_autofree char *runs = g_path_get_dirname(run_dir);
  return berth_base_file_make_dir(runs, error) && berth_host_owner_open_folder(runs, error) &&
         berth_host_owner_open_folder(berth->env->state_dir, error);
}

gboolean berth_lib_owner_give(Berth *berth, const char *uuid, const BerthUser *user, const BerthQemu *qemu, GError **error) {
  if (user == NULL)
    return TRUE;
  if (!open_folders(berth, uuid, error))
    return FALSE;
  g_autoptr(GPtrArray) files = berth_guest_files(qemu);
  g_autoptr(GPtrArray) claims = record(berth, uuid, user, files, error);
  if (claims == NULL)
    return FALSE;
  for (guint i = 0; i < claims->len; i++) {
    const BerthStoreOwner *owner = g_ptr_array_index(claims, i);
    if (!berth_host_owner_change(owner->path, owner->uid, user->uid, user->gid, error))
      return FALSE;
  }
  return TRUE;
}

/* The run folder is its user's. NULL: QEMU runs as this process. */
static BerthUser *user_of(const BerthStoreRun *run) {
  struct stat folder;
  if (geteuid() != 0 || run->run_dir == NULL || stat(run->run_dir, &folder) != 0 || folder.st_uid == 0)
    return NULL;
  g_autofree char *text = g_strdup_printf("%u:%u", folder.st_uid, folder.st_gid);
  return berth_host_user_find(text, NULL);
}

gboolean berth_lib_owner_give_running(Berth *berth, const BerthStoreGuest *guest, const BerthQemu *objects, GError **error) {
  g_autoptr(BerthUser) user = user_of(&guest->run);
  return berth_guest_hand_over(objects, guest->run.run_dir, user, error) &&
         berth_lib_owner_give(berth, guest->uuid, user, objects, error);
}

/* ---- take back ---- */

/* What is gone, or was given to somebody else meanwhile, is nobody's business any more. */
static gboolean give_back(BerthStoreWrite *write, const char *uuid, const BerthStoreOwner *owner, GError **error) {
  g_autoptr(BerthStoreOwner) other = NULL;
  g_autoptr(GError) failure = NULL;
  if (!berth_store_owner_elsewhere(write, uuid, owner->path, &other, error))
    return FALSE;
  if (other == NULL && !berth_host_owner_change(owner->path, owner->given, owner->uid, owner->gid, &failure) &&
      !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
    return TRUE; /* the row stays, for the next command */
  return berth_store_write_owner_done(write, uuid, owner->path, error);
}

gboolean berth_lib_owner_take_back(Berth *berth, BerthStoreWrite *write, const char *uuid, GError **error) {
  g_autoptr(GPtrArray) owners = berth_store_owners(berth->store, uuid, error);
  if (owners == NULL)
    return FALSE;
  for (guint i = 0; i < owners->len; i++)
    if (!give_back(write, uuid, g_ptr_array_index(owners, i), error))
      return FALSE;
  return TRUE;
}

gboolean berth_lib_owner_settle(Berth *berth, const char *uuid, GError **error) {
  g_autoptr(GPtrArray) owners = berth_store_owners(berth->store, uuid, error);
  if (owners == NULL || owners->len == 0)
    return owners != NULL;
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  return write != NULL && berth_lib_owner_take_back(berth, write, uuid, error) &&
         berth_store_write_commit(g_steal_pointer(&write), error);
}
