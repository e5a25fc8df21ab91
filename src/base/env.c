/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/env.h"

#include <unistd.h>

static gint64 system_clock(gpointer data) {
  (void)data;
  return g_get_real_time();
}

/* An empty variable counts as unset: the XDG base directory specification asks for it, and BERTH_STATE= must not mean "/". */
static const char *variable(const char *name) {
  const char *value = g_getenv(name);

  return value != NULL && *value != '\0' ? value : NULL;
}

BerthEnv *berth_env_new(void) {
  BerthEnv *env = g_new0(BerthEnv, 1);
  const char *state = variable("BERTH_STATE");

  if (state != NULL) {
    berth_env_set_state(env, state);
  } else if (geteuid() == 0) {
    env->state_dir = g_strdup("/var/lib/berth");
    env->run_dir = g_strdup("/run/berth");
    env->cache_dir = g_strdup("/var/cache/berth");
  } else {
    env->state_dir = g_build_filename(g_get_user_state_dir(), "berth", NULL);
    env->run_dir = g_build_filename(g_get_user_runtime_dir(), "berth", NULL);
    env->cache_dir = g_build_filename(g_get_user_cache_dir(), "berth", NULL);
  }
  env->qemu = g_strdup(variable("BERTH_QEMU"));
  env->self = g_strdup("berth");
  env->root = g_strdup(variable("BERTH_SYSTEMD_ROOT") != NULL ? variable("BERTH_SYSTEMD_ROOT") : "/");
  env->notify = g_strdup(variable("NOTIFY_SOCKET"));
  env->config = g_strdup(variable("BERTH_CONFIG") != NULL ? variable("BERTH_CONFIG") : "/etc/berth/berth.conf");
  env->now = system_clock;
  return env;
}

void berth_env_free(BerthEnv *env) {
  if (env == NULL)
    return;
  g_free(env->state_dir);
  g_free(env->run_dir);
  g_free(env->cache_dir);
  g_free(env->qemu);
  g_free(env->qemu_user);
  g_free(env->config);
  g_free(env->root);
  g_free(env->notify);
  g_free(env->self);
  g_free(env);
}

void berth_env_set_state(BerthEnv *env, const char *dir) {
  g_autofree char *full = g_canonicalize_filename(dir, NULL);

  env->moved = TRUE;
  /* Absolute from here on: the supervisor leaves the working directory. */
  g_free(env->run_dir);
  g_free(env->cache_dir);
  env->run_dir = g_build_filename(full, "run", NULL);
  env->cache_dir = g_build_filename(full, "cache", NULL);
  g_free(env->state_dir);
  env->state_dir = g_steal_pointer(&full);
}

void berth_env_set_qemu(BerthEnv *env, const char *binary) {
  g_free(env->qemu);
  env->qemu = g_strdup(binary);
}

void berth_env_set_qemu_user(BerthEnv *env, const char *user) {
  g_free(env->qemu_user);
  env->qemu_user = g_strdup(user);
}

void berth_env_set_clock(BerthEnv *env, gint64 (*now)(gpointer data), gpointer data) {
  env->now = now != NULL ? now : system_clock;
  env->now_data = data;
}

void berth_env_set_self(BerthEnv *env, const char *path) {
  g_free(env->self);
  env->self = g_strdup(path);
}

void berth_env_set_anew(BerthEnv *env, gboolean anew) {
  env->anew = anew;
}

char *berth_base_env_timestamp(const BerthEnv *env) {
  gint64 seconds = env->now(env->now_data) / G_USEC_PER_SEC;
  g_autoptr(GDateTime) when = g_date_time_new_from_unix_utc(seconds);

  if (when == NULL) /* a clock beyond the year 9999 */
    when = g_date_time_new_from_unix_utc(0);
  return g_date_time_format(when, "%Y-%m-%dT%H:%M:%SZ");
}
