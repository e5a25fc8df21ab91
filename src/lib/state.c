/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/move.h"

#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/control.h"
#include "guest/launch.h"

#define SETTLE_MS 10000
#define STEP_MS 10ul
/* What a supervisor may take to record that QEMU has ended. */
#define RECORD_MS 2000
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

BerthLock *berth_lib_lock_within(const Berth *berth, const BerthStoreGuest *guest, guint timeout_ms) {
  return take(berth, guest, timeout_ms, NULL);
}

BerthStoreGuest *berth_lib_guest_locked(Berth *berth, const char *guest, BerthLock **lock, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autoptr(BerthLock) held = found != NULL ? berth_lib_lock(berth, found, error) : NULL;
  if (held == NULL)
    return NULL;
  /* It may have been started, or undefined, while this command waited. */
  g_autoptr(BerthStoreGuest) fresh = berth_store_guest(berth->store, found->uuid, error);
  if (fresh == NULL)
    return NULL;
  berth_lib_unfinished_settle(berth, &fresh);
  if (!berth_lib_managed_settle(berth, fresh, error))
    return NULL;
  *lock = g_steal_pointer(&held);
  return g_steal_pointer(&fresh);
}

BerthProcess *berth_lib_run_process(const BerthStoreRun *run) {
  g_autofree char *boot = berth_host_boot_id();
  gboolean now = run->boot == NULL || *run->boot == '\0' || g_str_equal(run->boot, boot);
  g_autoptr(BerthProcess) qemu = run->pid != 0 && now ? berth_host_process_open(run->pid, run->start_time, NULL) : NULL;
  return qemu != NULL && berth_host_process_alive(qemu) ? g_steal_pointer(&qemu) : NULL;
}

BerthProcess *berth_lib_supervisor_process(const BerthStoreRun *run) {
  const BerthStoreRun supervisor = {.pid = run->supervisor, .start_time = run->supervisor_start_time, .boot = run->boot};
  return berth_lib_run_process(&supervisor);
}

gboolean berth_lib_supervisor_lives(const BerthStoreRun *run) {
  g_autoptr(BerthProcess) process = berth_lib_supervisor_process(run);
  return process != NULL;
}

static const struct {
  const char *status, *state, *reason;
} words[] = {
    {"running", "running", "unpaused"},
    {"prelaunch", "paused", "starting up"},
    {"paused", "paused", "user"},
    {"suspended", "pmsuspended", ""},
    {"debug", "paused", ""},
    {"io-error", "paused", "I/O error"},
    {"watchdog", "paused", "watchdog"},
    {"save-vm", "paused", "saving"},
    {"restore-vm", "paused", "starting up"},
    {"inmigrate", "paused", "migrating"},
    {"postmigrate", "paused", "migrating"},
    {"finish-migrate", "paused", "migrating"},
    {"guest-panicked", "crashed", "panicked"},
    {"internal-error", "crashed", ""},
    {"shutdown", "paused", "shutting down"},
};

void berth_lib_state_of(const char *status, const char **state, const char **reason) {
  *state = "running";
  *reason = "";
  for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
    if (g_strcmp0(words[i].status, status) == 0) {
      *state = words[i].state;
      *reason = words[i].reason;
    }
}

/* ---- looking at a guest ---- */

static gboolean has_ended(const char *state) {
  return g_str_equal(state, "shut off") || g_str_equal(state, "crashed");
}

/* What is shown, where it cannot be recorded. */
static void show(BerthStoreRun *run, const char *state, const char *reason) {
  g_free(run->state);
  g_free(run->reason);
  run->state = g_strdup(state);
  run->reason = g_strdup(reason);
}

void berth_lib_read_again(const Berth *berth, BerthStoreGuest **guest) {
  BerthStoreGuest *fresh = berth_store_guest(berth->store, (*guest)->uuid, NULL);
  if (fresh == NULL)
    return;
  berth_store_guest_free(*guest);
  *guest = fresh;
}

/* No supervisor can be given to it: QEMU knows how it is. */
static void ask(const Berth *berth, BerthStoreGuest *guest) {
  const char *state = NULL, *reason = NULL;
  g_autoptr(BerthLock) lock = berth_lib_lock(berth, guest, NULL);
  g_autofree char *path = berth_guest_control_path(guest->run.run_dir);
  g_autoptr(BerthQmp) control = lock != NULL ? berth_qmp_connect(path, ASK_MS, NULL) : NULL;
  g_autofree char *status = control != NULL ? berth_guest_status(control, NULL) : NULL;
  berth_lib_state_of(status, &state, &reason);
  if (status != NULL && !g_str_equal(guest->run.state, state))
    show(&guest->run, state, reason);
}

/* Who starts a guest has its lock; if nobody has, a folder that is there is what a killed supervisor has left. */
static void drop_unrecorded(Berth *berth, const BerthStoreGuest *guest) {
  g_autofree char *run_dir = berth_lib_run_dir(berth->env, guest->uuid);
  if (!g_file_test(run_dir, G_FILE_TEST_EXISTS))
    return;
  g_autoptr(BerthLock) lock = berth_lib_lock_within(berth, guest, 0);
  g_autoptr(BerthStoreGuest) fresh = lock != NULL ? berth_store_guest(berth->store, guest->uuid, NULL) : NULL;
  if (fresh != NULL && fresh->run.pid == 0 && berth_guest_end_unrecorded(run_dir, NULL))
    berth_lib_owner_settle(berth, guest->uuid, NULL);
}

static void settle_now(Berth *berth, BerthStoreGuest **guest) {
  g_autoptr(BerthLock) lock = berth_lib_lock_within(berth, *guest, 0);
  if (lock != NULL) {
    berth_lib_read_again(berth, guest);
    g_autoptr(BerthProcess) qemu = berth_lib_run_process(&(*guest)->run);
    if (qemu == NULL)
      berth_lib_settle(berth, *guest, NULL, NULL, NULL);
    berth_lib_read_again(berth, guest);
  }
}

/* Whoever sent its state somewhere has the lock, or is no more. */
static void settle_unfinished(Berth *berth, BerthStoreGuest **guest) {
  g_autoptr(BerthLock) lock = berth_lib_unfinished_there((*guest)->run.run_dir) ? berth_lib_lock_within(berth, *guest, 0) : NULL;
  if (lock == NULL)
    return;
  berth_lib_read_again(berth, guest);
  berth_lib_unfinished_settle(berth, guest);
}

void berth_lib_look(Berth *berth, BerthStoreGuest **guest) {
  if ((*guest)->run.pid == 0) {
    drop_unrecorded(berth, *guest);
    return;
  }
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(&(*guest)->run);
  gboolean supervised = berth_lib_supervisor_lives(&(*guest)->run);
  if (qemu != NULL && supervised) {
    settle_unfinished(berth, guest);
    return;
  }
  if (qemu != NULL) {
    gboolean adopted = berth_lib_adopt(berth, *guest, NULL);
    berth_lib_read_again(berth, guest);
    settle_unfinished(berth, guest);
    if (!adopted && (*guest)->run.pid != 0)
      ask(berth, *guest);
    return;
  }
  for (gulong waited = 0; waited < RECORD_MS && (*guest)->run.pid != 0 && berth_lib_supervisor_lives(&(*guest)->run);
       waited += STEP_MS) {
    g_usleep(STEP_MS * 1000);
    berth_lib_read_again(berth, guest);
  }
  if ((*guest)->run.pid != 0)
    settle_now(berth, guest);
  qemu = berth_lib_run_process(&(*guest)->run);
  if (qemu == NULL && (*guest)->run.pid != 0)
    show(&(*guest)->run, "shut off", "");
}

/* ---- recording ---- */

gboolean berth_lib_record_state(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *state, const char *reason,
                                GError **error) {
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
  g_autofree char *now = berth_base_env_timestamp(berth->env);
  BerthStoreRun next = guest->run;
  next.state = (char *)state;
  next.reason = (char *)reason;
  next.since = now;
  g_autoptr(BerthProcess) qemu = has_ended(state) ? berth_lib_run_process(run) : NULL;
  gboolean ended = has_ended(state) && qemu == NULL;
  if (ended) {
    /* Before the record: once that says "ended", the folder may belong to the next run. */
    berth_guest_clean(guest->run.run_dir);
    next.pid = next.supervisor = 0;
    next.start_time = next.supervisor_start_time = 0;
    next.boot = NULL;
    next.document = NULL;
    next.record = NULL;
  }
  return (!ended || berth_lib_owner_take_back(berth, write, guest->uuid, error)) &&
         berth_store_write_run(write, guest->uuid, &next, error) && berth_store_write_commit(g_steal_pointer(&write), error);
}

gboolean berth_lib_record_status(Berth *berth, const BerthStoreGuest *guest, const char *status, GError **error) {
  const char *state = NULL, *reason = NULL;
  berth_lib_state_of(status, &state, &reason);
  return berth_lib_record_state(berth, guest->uuid, &guest->run, state, reason, error);
}

/* The supervisor took what somebody did on purpose for a crash. */
static gboolean correct(Berth *berth, const BerthStoreGuest *guest, const char *state, const char *reason, GError **error) {
  if (guest->run.pid != 0 || (g_strcmp0(guest->run.state, state) == 0 && g_strcmp0(guest->run.reason, reason) == 0))
    return TRUE;
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  BerthStoreRun run = guest->run;
  run.state = (char *)state;
  run.reason = (char *)reason;
  return write != NULL && berth_store_write_run(write, guest->uuid, &run, error) &&
         berth_store_write_commit(g_steal_pointer(&write), error);
}

gboolean berth_lib_settle(Berth *berth, BerthStoreGuest *guest, const char *state, const char *reason, GError **error) {
  /* Whoever was killed before QEMU was recorded may have given files to its user. */
  if (guest->run.pid == 0)
    return berth_lib_owner_settle(berth, guest->uuid, error);
  for (gulong waited = 0;; waited += STEP_MS) {
    /* Looked at before the store: what it records before it ends is seen. */
    gboolean gone = waited >= SETTLE_MS || !berth_lib_supervisor_lives(&guest->run);
    g_autoptr(BerthStoreGuest) now = berth_store_guest(berth->store, guest->uuid, error);
    if (now == NULL)
      return FALSE;
    if (now->run.pid != guest->run.pid)
      return state == NULL || correct(berth, now, state, reason, error);
    if (gone)
      return berth_lib_record_state(berth, guest->uuid, &guest->run, state != NULL ? state : "shut off", reason, error);
    g_usleep(STEP_MS * 1000);
  }
}
