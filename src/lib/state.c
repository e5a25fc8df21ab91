/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/control.h"
#include "guest/launch.h"

#define SETTLE_MS 10000
#define STEP_MS 20ul
#define ASK_MS 3000

static gboolean sockets_fit(const char *run_dir) {
  g_autofree char *path = berth_guest_control_path(run_dir);
  return strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path);
}

/* A socket's path has room for 107 bytes, which a deep state folder uses up: then the sockets go where they would be without one,
 * in a folder that is named after the state as well, for a copy of a store has the same uuids. */
char *berth_lib_run_dir(const BerthEnv *env, const char *uuid) {
  char *run_dir = g_build_filename(env->run_dir, uuid, NULL);
  if (sockets_fit(run_dir))
    return run_dir;
  g_free(run_dir);
  g_autofree char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, env->run_dir, -1);
  g_autofree char *name = g_strdup_printf("%.8s-%s", hash, uuid);
  return g_build_filename(geteuid() == 0 ? "/run" : g_get_user_runtime_dir(), "berth", name, NULL);
}

static BerthLock *take(const Berth *berth, const BerthStoreGuest *guest, guint timeout_ms, GError **error) {
  g_autofree char *name = g_strconcat(guest->uuid, ".lock", NULL);
  g_autofree char *path = g_build_filename(berth->env->run_dir, name, NULL);
  g_autofree char *what = g_strdup_printf("guest '%s'", guest->name);
  return berth_host_lock_take(path, what, timeout_ms, error);
}

BerthLock *berth_lib_lock(const Berth *berth, const BerthStoreGuest *guest, GError **error) {
  return take(berth, guest, BERTH_LIB_LOCK_MS, error);
}

BerthLock *berth_lib_lock_now(const Berth *berth, const BerthStoreGuest *guest) {
  return take(berth, guest, 0, NULL);
}

BerthStoreGuest *berth_lib_guest_locked(Berth *berth, const char *guest, BerthLock **lock, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autoptr(BerthLock) held = found != NULL ? berth_lib_lock(berth, found, error) : NULL;
  if (held == NULL)
    return NULL;
  /* It may have been started, or undefined, while this command waited. */
  BerthStoreGuest *fresh = berth_store_guest(berth->store, found->uuid, error);
  if (fresh != NULL)
    *lock = g_steal_pointer(&held);
  return fresh;
}

BerthProcess *berth_lib_run_process(const BerthStoreRun *run) {
  return run->pid != 0 ? berth_host_process_open(run->pid, run->start_time, NULL) : NULL;
}

static gboolean supervisor_lives(const BerthStoreRun *run) {
  if (run->supervisor == 0)
    return FALSE;
  g_autoptr(BerthProcess) supervisor = berth_host_process_open(run->supervisor, run->supervisor_start_time, NULL);
  return supervisor != NULL;
}

static const struct {
  const char *status, *word;
} words[] = {
    {"running", "running"},        {"prelaunch", "paused"},       {"paused", "paused"},      {"suspended", "paused"},
    {"debug", "paused"},           {"io-error", "paused"},        {"watchdog", "paused"},    {"save-vm", "paused"},
    {"restore-vm", "paused"},      {"inmigrate", "paused"},       {"postmigrate", "paused"}, {"finish-migrate", "paused"},
    {"guest-panicked", "crashed"}, {"internal-error", "crashed"}, {"shutdown", "shut off"},
};

const char *berth_lib_state_word(const char *status) {
  for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
    if (g_strcmp0(words[i].status, status) == 0)
      return words[i].word;
  return "running";
}

/* Nobody has recorded what happened since the supervisor died: QEMU knows. NULL: it does not say. */
static char *ask(const Berth *berth, const BerthStoreGuest *guest) {
  g_autoptr(BerthLock) lock = berth_lib_lock(berth, guest, NULL);
  if (lock == NULL)
    return NULL;
  g_autofree char *path = berth_guest_control_path(guest->run.run_dir);
  g_autoptr(BerthQmp) control = berth_qmp_connect(path, ASK_MS, NULL);
  g_autofree char *status = control != NULL ? berth_guest_status(control, NULL) : NULL;
  return status != NULL ? g_strdup(berth_lib_state_word(status)) : NULL;
}

char *berth_lib_state(const Berth *berth, const BerthStoreGuest *guest) {
  const BerthStoreRun *run = &guest->run;
  if (run->state == NULL)
    return g_strdup("shut off");
  if (run->pid == 0)
    return g_strdup(run->state);
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(run);
  if (qemu == NULL)
    return g_strdup("shut off");
  char *told = supervisor_lives(run) ? NULL : ask(berth, guest);
  return told != NULL ? told : g_strdup(run->state);
}

gboolean berth_lib_record_state(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *state, GError **error) {
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  if (write == NULL)
    return FALSE;
  g_autoptr(GError) failure = NULL;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(berth->store, uuid, &failure);
  if (guest == NULL && !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND)) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  /* Another command has settled this run, or started the next one: what is there now is not ours. */
  if (guest == NULL || guest->run.pid != run->pid || guest->run.start_time != run->start_time)
    return TRUE;
  gboolean ended = g_str_equal(state, "shut off") || g_str_equal(state, "crashed");
  g_autofree char *now = berth_base_env_timestamp(berth->env);
  BerthStoreRun next = guest->run;
  next.state = (char *)state;
  next.since = now;
  if (ended) {
    /* Before the record: once that says "ended", the folder may belong to the next run. */
    berth_guest_clean(guest->run.run_dir);
    next.pid = next.supervisor = 0;
    next.start_time = next.supervisor_start_time = 0;
    next.document = NULL;
    next.record = NULL;
  }
  return (!ended || berth_lib_owner_take_back(berth, write, guest->uuid, error)) &&
         berth_store_write_run(write, guest->uuid, &next, error) && berth_store_write_commit(g_steal_pointer(&write), error);
}

/* The supervisor took what somebody did on purpose for a crash. */
static gboolean correct(Berth *berth, const BerthStoreGuest *guest, const char *state, GError **error) {
  if (guest->run.pid != 0 || g_strcmp0(guest->run.state, state) == 0)
    return TRUE;
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  BerthStoreRun run = guest->run;
  run.state = (char *)state;
  return write != NULL && berth_store_write_run(write, guest->uuid, &run, error) &&
         berth_store_write_commit(g_steal_pointer(&write), error);
}

gboolean berth_lib_settle(Berth *berth, BerthStoreGuest *guest, const char *state, GError **error) {
  /* Whoever was killed before QEMU was recorded may have given files to its user. */
  if (guest->run.pid == 0)
    return berth_lib_owner_settle(berth, guest->uuid, error);
  for (gulong waited = 0; waited < SETTLE_MS && supervisor_lives(&guest->run); waited += STEP_MS) {
    g_autoptr(BerthStoreGuest) now = berth_store_guest(berth->store, guest->uuid, error);
    if (now == NULL)
      return FALSE;
    if (now->run.pid != guest->run.pid)
      return state == NULL || correct(berth, now, state, error);
    g_usleep(STEP_MS * 1000);
  }
  return berth_lib_record_state(berth, guest->uuid, &guest->run, state != NULL ? state : "shut off", error);
}
