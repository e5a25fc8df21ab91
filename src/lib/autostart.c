/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guests that systemd starts: instances of the template unit berth@.service, named by uuid, so that no name needs escaping and a
 * new name changes nothing. */
#include "lib/lib.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define SYSTEMCTL_MS 60000

static char *instance_of(const char *uuid) {
  return g_strdup_printf("berth@%s.service", uuid);
}

gboolean berth_lib_autostart_is_on(const BerthEnv *env, const char *uuid) {
  g_autofree char *instance = instance_of(uuid);
  /* The links are systemd's documented interface (systemctl(1), enable): nothing need be started to see them. */
  g_autofree char *link =
      geteuid() == 0 ? g_build_filename(env->root, "etc", "systemd", "system", "multi-user.target.wants", instance, NULL)
                     : g_build_filename(g_get_user_config_dir(), "systemd", "user", "default.target.wants", instance, NULL);
  return g_file_test(link, G_FILE_TEST_IS_SYMLINK);
}

static gboolean systemctl(const BerthEnv *env, const char *verb, const char *instance, GError **error) {
  g_autofree char *root = g_strconcat("--root=", env->root, NULL);
  const char *scope = g_str_equal(env->root, "/") ? geteuid() == 0 ? "--system" : "--user" : root;
  const char *const argv[] = {"systemctl", "--quiet", scope, verb, instance, NULL};
  int log = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  const BerthSpawn spawn = {.argv = argv, .in = -1, .out = -1, .err = log};
  g_autoptr(BerthProcess) process = berth_host_process_spawn(&spawn, error);
  gboolean done = process != NULL && berth_host_process_wait(process, SYSTEMCTL_MS, error);
  if (done && process->status != 0) {
    g_autofree char *words = log >= 0 ? berth_host_process_last_words(log, 3, NULL) : g_strdup("");
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "systemctl %s %s: %s", verb, instance, words);
    done = FALSE;
  }
  if (log >= 0)
    close(log);
  return done;
}

/* Runs under the guest's lock, so that undefine cannot come in between. */
gboolean berth_autostart(Berth *berth, const char *guest, gboolean on, GError **error) {
  g_autoptr(BerthLock) lock = NULL;
  g_autoptr(BerthStoreGuest) found = berth_lib_guest_locked(berth, guest, &lock, error);
  if (found == NULL)
    return FALSE;
  if (berth->env->moved && g_str_equal(berth->env->root, "/")) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE,
                "guest '%s': systemd starts guests of the usual state folder only, not of %s", found->name, berth->env->state_dir);
    return FALSE;
  }
  return berth_lib_autostart_set(berth->env, found->uuid, on, error);
}

gboolean berth_lib_autostart_set(const BerthEnv *env, const char *uuid, gboolean on, GError **error) {
  g_autofree char *instance = instance_of(uuid);
  return berth_lib_autostart_is_on(env, uuid) == on || systemctl(env, on ? "enable" : "disable", instance, error);
}
