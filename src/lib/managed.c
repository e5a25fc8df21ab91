/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* States that berth keeps itself, one a guest, for its next start. */
#include <unistd.h>

#include "base/file.h"
#include "lib/move.h"

char *berth_lib_managed_path(const BerthEnv *env, const char *uuid) {
  g_autofree char *name = g_strconcat(uuid, ".save", NULL);
  return g_build_filename(env->state_dir, "save", name, NULL);
}

char *berth_lib_managed_used(const char *file) {
  return g_strconcat(file, ".used", NULL);
}

void berth_lib_managed_forget(const BerthEnv *env, const char *uuid) {
  g_autofree char *file = berth_lib_managed_path(env, uuid);
  g_autofree char *used = berth_lib_managed_used(file);
  unlink(used);
}

gboolean berth_lib_managed_settle(Berth *berth, const BerthStoreGuest *guest, GError **error) {
  g_autofree char *file = berth_lib_managed_path(berth->env, guest->uuid);
  if (access(file, F_OK) != 0 || berth_lib_unfinished_there(guest->run.run_dir))
    return TRUE;
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(&guest->run);
  return qemu == NULL || berth_base_file_remove(file, error);
}

gboolean berth_lib_managed_find(Berth *berth, const char *guest, char **path, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autofree char *file = found != NULL ? berth_lib_managed_path(berth->env, found->uuid) : NULL;
  if (file != NULL && access(file, F_OK) == 0)
    *path = g_steal_pointer(&file);
  return found != NULL;
}

gboolean berth_managed_save(Berth *berth, const char *guest, guint flags, BerthProgressFunc progress, gpointer data,
                            GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  if (found == NULL)
    return FALSE;
  g_autofree char *file = berth_lib_managed_path(berth->env, found->uuid);
  g_autofree char *folder = g_path_get_dirname(file);
  return berth_base_file_make_dir(folder, error) && berth_save(berth, found->uuid, file, flags, progress, data, error);
}

gboolean berth_managed_save_remove(Berth *berth, const char *guest, gboolean *removed, GError **error) {
  g_autoptr(BerthLock) lock = NULL;
  g_autofree char *path = NULL;
  g_autoptr(BerthStoreGuest) found = berth_lib_guest_locked(berth, guest, &lock, error);
  if (found == NULL || !berth_lib_managed_find(berth, found->uuid, &path, error))
    return FALSE;
  if (removed != NULL)
    *removed = path != NULL;
  return path == NULL || berth_base_file_remove(path, error);
}
