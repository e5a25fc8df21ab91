/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <unistd.h>

#include "families/families.h"
#include "guest/rehearse.h"
#include "kinds/rehearsal.h"

#define FOLDER "rehearsal."
#define DEFAULT_S 60
#define MOST_S 3600

/* A rehearsal is short and bounded: signals that would end this process wait for it, so that they leave nothing behind. */
static void hold_signals(sigset_t *before) {
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
  sigset_t held;
  sigemptyset(&held);
  for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
    sigaddset(&held, numbers[i]);
  pthread_sigmask(SIG_BLOCK, &held, before);
}

/* What is left of rehearsals whose process was killed. The folder's name tells whose it is: "rehearsal.PID.START.XXXXXX". */
static void sweep(const char *run_dir) {
  g_autoptr(GDir) folder = g_dir_open(run_dir, 0, NULL);
  const char *name;
  while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
    g_auto(GStrv) parts = g_strsplit(name, ".", 4);
    if (!g_str_has_prefix(name, FOLDER) || g_strv_length(parts) != 4)
      continue;
    gint64 pid = g_ascii_strtoll(parts[1], NULL, 10);
    if (pid <= 0 || berth_host_process_start_time(pid) == g_ascii_strtoull(parts[2], NULL, 10))
      continue;
    g_autofree char *path = g_build_filename(run_dir, name, NULL);
    berth_guest_end_rehearsal(path);
  }
}

/* (transfer full): a name that no other rehearsal has; the folder is made by who starts QEMU. */
static char *folder_of(const BerthEnv *env) {
  g_autofree char *name = g_strdup_printf(FOLDER "%d.%" G_GUINT64_FORMAT ".%08x", (int)getpid(),
                                          berth_host_process_start_time(getpid()), g_random_int());
  return g_build_filename(env->run_dir, name, NULL);
}

/* What the guest as a whole goes without is a row, too. */
static BerthRow *guest_row(const BerthRehearsal *rehearsal) {
  BerthRow *row = berth_lib_row_empty();
  g_free(row->device);
  row->device = g_strdup("domain");
  g_free(row->backend);
  row->backend = g_strdup_printf("options left out: %s", rehearsal->guest);
  return row;
}

static GPtrArray *run(const BerthPlan *plan, const BerthEnv *env, const BerthRehearsal *rehearsal, guint timeout_s,
                      GError **error) {
  gboolean there = g_file_test(env->run_dir, G_FILE_TEST_EXISTS);
  g_autofree char *run_dir = folder_of(env);
  sigset_t before;
  hold_signals(&before);
  sweep(env->run_dir);
  GPtrArray *places = berth_guest_rehearse(rehearsal->qemu, plan->inventory, berth_families, run_dir, timeout_s * 1000, error);
  if (!there)
    g_rmdir(env->run_dir);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return places;
}

GPtrArray *berth_rehearse(const BerthPlan *plan, const BerthEnv *env, const BerthFacts *facts, guint timeout_s, gboolean *drift,
                          GError **error) {
  const char *emulator = berth_xml_node_get(plan->inventory->document->root, "devices/emulator");
  g_autoptr(BerthFacts) own = facts == NULL ? berth_lib_facts(env, emulator, error) : NULL;
  if (facts == NULL && own == NULL)
    return NULL;
  g_autoptr(BerthRehearsal) rehearsal = berth_kinds_rehearse(plan->inventory, facts != NULL ? facts : own, berth_families, error);
  guint limit = timeout_s == 0 ? DEFAULT_S : MIN(timeout_s, MOST_S);
  g_autoptr(GPtrArray) places = rehearsal != NULL ? run(plan, env, rehearsal, limit, error) : NULL;
  if (places == NULL)
    return NULL;
  GPtrArray *rows = berth_lib_rows_of(plan, places, rehearsal->backend);
  if (rehearsal->guest != NULL)
    g_ptr_array_insert(rows, 0, guest_row(rehearsal));
  if (drift != NULL)
    *drift = berth_guest_places_drift(places);
  return rows;
}
