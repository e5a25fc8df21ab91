/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is wrong, or soon may be, with a guest or with this host, and what to do about it. */
#include "lib/live.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "facts/facts.h"
#include "families/families.h"
#include "guest/launch.h"
#include "lib/move.h"
#include "lib/room.h"

#define READ_BACK_MS 30000

void berth_finding_free(BerthFinding *finding) {
  if (finding == NULL)
    return;
  g_free(finding->check);
  g_free(finding->state);
  g_free(finding->value);
  g_free(finding->advice);
  g_free(finding);
}

static void say(GPtrArray *findings, const char *check, const char *state, const char *value, const char *advice) {
  BerthFinding *finding = g_new0(BerthFinding, 1);
  finding->check = g_strdup(check);
  finding->state = g_strdup(state);
  finding->value = g_strdup(value);
  finding->advice = g_strdup(advice);
  g_ptr_array_add(findings, finding);
}

/* ---- a guest ---- */

static void say_room(const char *sort, guint free_places, const char *more, gpointer data) {
  g_autofree char *check = g_strconcat("free ", sort, NULL);
  g_autofree char *number = g_strdup_printf("%u%s", free_places, free_places == BERTH_LIB_ROOM_MOST ? " or more" : "");
  say(data, check, free_places > 0 ? BERTH_FINDING_OK : BERTH_FINDING_NOTE, number, free_places > 0 ? "" : more);
}

static gboolean say_vcpus(Berth *berth, const char *uuid, gboolean live, GPtrArray *findings, GError **error) {
  guint current = 0, most = 0;
  if (!berth_vcpus(berth, uuid, live ? BERTH_CHANGE_LIVE : BERTH_CHANGE_CONFIG, &current, &most, error))
    return FALSE;
  g_autofree char *number = g_strdup_printf("%u", most > current ? most - current : 0);
  say(findings, "free vCPU places", most > current ? BERTH_FINDING_OK : BERTH_FINDING_NOTE, number,
      most > current ? "" : "setvcpus --maximum --config, for the next start");
  return TRUE;
}

/* What a command left behind that the guest has still to do. */
static gboolean say_pending(const BerthLibLive *live, GPtrArray *findings, GError **error) {
  g_autoptr(GPtrArray) changes = berth_store_changes(live->berth->store, live->guest->uuid, error);
  for (guint i = 0; changes != NULL && i < changes->len; i++) {
    const BerthStoreChange *change = g_ptr_array_index(changes, i);
    const BerthDevice *device = berth_lib_live_device(live->plan, change->device);
    g_autofree char *name = device != NULL ? berth_model_device_name(device) : g_strdup("device");
    g_autofree char *value = g_strdup_printf("%s (%s): %s since %s", name, change->device, change->state, change->since);
    say(findings, "pending change", BERTH_FINDING_NOTE, value, "detach it again to ask the guest again, or reset the guest");
  }
  return changes != NULL;
}

/* What the next start brings. */
static gboolean say_definition(const BerthLibLive *live, GPtrArray *findings, GError **error) {
  g_autoptr(BerthPlan) plan = berth_plan_of_guest(live->berth, live->guest->uuid, error);
  if (plan == NULL)
    return FALSE;
  berth_lib_live_keep_chosen(live->plan, plan);
  g_autoptr(GPtrArray) differences = berth_plan_diff(live->plan, plan);
  for (guint i = 0; i < differences->len; i++) {
    const BerthDifference *one = g_ptr_array_index(differences, i);
    g_autofree char *aspect =
        *one->aspect != '\0' ? g_strdup_printf(": %s '%s', defined '%s'", one->aspect, one->was, one->now) : g_strdup("");
    g_autofree char *value = g_strconcat(one->device, " ", one->change, aspect, NULL);
    say(findings, "next start", BERTH_FINDING_NOTE, value, "the definition says so; what runs is shown by dumpxml --live");
  }
  if (differences->len == 0)
    say(findings, "next start", BERTH_FINDING_OK, "as it runs", "");
  return TRUE;
}

/* A state that managedsave has kept, and since when. */
static gboolean say_managed(Berth *berth, const char *uuid, GPtrArray *findings, GError **error) {
  g_autofree char *path = NULL;
  if (!berth_lib_managed_find(berth, uuid, &path, error))
    return FALSE;
  GStatBuf status;
  if (path == NULL || g_stat(path, &status) != 0) {
    say(findings, "managed save", BERTH_FINDING_OK, "none", "");
    return TRUE;
  }
  g_autoptr(GDateTime) saved = g_date_time_new_from_unix_utc(status.st_mtime);
  g_autofree char *when = g_date_time_format(saved, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *value = g_strdup_printf("%s, since %s", path, when);
  say(findings, "managed save", BERTH_FINDING_NOTE, value, "the next start goes on with it; managedsave-remove throws it away");
  return TRUE;
}

static gboolean say_drift(BerthLibLive *live, GPtrArray *findings, GError **error) {
  gboolean drift = FALSE;
  g_autoptr(GPtrArray) places =
      berth_guest_read_back(live->control, live->plan->inventory, berth_families, NULL, READ_BACK_MS, error);
  g_autoptr(GPtrArray) rows = places != NULL ? berth_lib_rows_of(live->plan, places, NULL) : NULL;
  if (rows == NULL || !berth_lib_verify(live, rows, &drift, error))
    return FALSE;
  for (guint i = 0; i < rows->len; i++) {
    const BerthRow *row = g_ptr_array_index(rows, i);
    if (*row->state == '\0' || g_str_equal(row->state, "ok"))
      continue;
    g_autofree char *value =
        g_strdup_printf("%s %s: %s%s%s", row->device, row->id, row->state, *row->actual != '\0' ? ", " : "", row->actual);
    say(findings, "drift", BERTH_FINDING_PROBLEM, value,
        "somebody else gave QEMU commands: take them back, or start the guest anew");
  }
  if (!drift)
    say(findings, "drift", BERTH_FINDING_OK, "none", "");
  return TRUE;
}

static gboolean examine_running(Berth *berth, const BerthStoreGuest *guest, GPtrArray *findings, GError **error) {
  gboolean supervised = berth_lib_supervisor_lives(&guest->run);
  g_auto(BerthLibLive) live = {0};
  if (!berth_lib_live_open(&live, berth, guest->uuid, error) || !say_drift(&live, findings, error))
    return FALSE;
  say(findings, "supervisor", supervised ? BERTH_FINDING_OK : BERTH_FINDING_NOTE, supervised ? "there" : "gone",
      supervised ? "" : "berth list gives the guest a new one");
  g_autoptr(BerthRecord) record = berth_record_parse(live.guest->run.record, -1, live.guest->name, error);
  if (record == NULL)
    return FALSE;
  const BerthLibRoom room = {.plan = live.plan, .record = record, .facts = live.facts};
  berth_lib_room(&room, say_room, findings);
  return say_pending(&live, findings, error) && say_definition(&live, findings, error) &&
         say_vcpus(berth, guest->uuid, TRUE, findings, error);
}

/* Sockets of a QEMU that is gone. */
static void say_stale(const BerthStoreGuest *guest, GPtrArray *findings) {
  g_autofree char *path = guest->run.run_dir != NULL ? berth_guest_control_path(guest->run.run_dir) : NULL;
  gboolean stale = path != NULL && g_file_test(path, G_FILE_TEST_EXISTS);
  say(findings, "stale sockets", stale ? BERTH_FINDING_NOTE : BERTH_FINDING_OK, stale ? path : "none",
      stale ? "the next start removes them" : "");
}

static gboolean examine_defined(Berth *berth, const BerthStoreGuest *guest, GPtrArray *findings, GError **error) {
  g_autoptr(BerthStoreRevision) newest = berth_store_revision(berth->store, guest->uuid, 0, error);
  g_autoptr(BerthPlan) plan =
      newest != NULL ? berth_lib_plan_defined(guest->name, newest->document, newest->record, NULL, error) : NULL;
  g_autoptr(BerthRecord) record = plan != NULL ? berth_record_parse(newest->record, -1, guest->name, error) : NULL;
  if (record == NULL)
    return FALSE;
  const BerthLibRoom room = {.plan = plan, .record = record};
  say_stale(guest, findings);
  berth_lib_room(&room, say_room, findings);
  return say_managed(berth, guest->uuid, findings, error) && say_vcpus(berth, guest->uuid, FALSE, findings, error);
}

/* ---- the host ---- */

static void say_kvm(GPtrArray *findings) {
  gboolean there = g_file_test("/dev/kvm", G_FILE_TEST_EXISTS), ours = there && access("/dev/kvm", R_OK | W_OK) == 0;
  say(findings, "KVM", ours ? BERTH_FINDING_OK : BERTH_FINDING_NOTE,
      ours    ? "/dev/kvm"
      : there ? "not for this user"
              : "none",
      ours    ? ""
      : there ? "join the group of /dev/kvm"
              : "guests of type 'kvm' need it: switch virtualization on in the firmware, load kvm_intel or kvm_amd");
}

static void say_iommu(GPtrArray *findings) {
  g_autoptr(GDir) groups = g_dir_open("/sys/kernel/iommu_groups", 0, NULL);
  guint n = 0;
  while (groups != NULL && g_dir_read_name(groups) != NULL)
    n++;
  g_autofree char *value = g_strdup_printf("%u groups", n);
  say(findings, "IOMMU", n > 0 ? BERTH_FINDING_OK : BERTH_FINDING_NOTE, n > 0 ? value : "none",
      n > 0 ? "" : "PCI devices of the host can be given to guests with one only: intel_iommu=on or amd_iommu=on");
}

static void say_qemu(const BerthEnv *env, GPtrArray *findings) {
  g_autoptr(GError) failure = NULL;
  g_autoptr(BerthFacts) facts = berth_lib_facts(env, NULL, &failure);
  g_autofree char *value =
      facts != NULL ? g_strdup_printf("%u.%u.%u, %s", facts->major, facts->minor, facts->micro, facts->binary) : NULL;
  say(findings, "QEMU", facts != NULL ? BERTH_FINDING_OK : BERTH_FINDING_PROBLEM, facts != NULL ? value : failure->message,
      facts != NULL ? "" : "install qemu-system-x86, or name a binary with --qemu");
}

static void say_store(Berth *berth, GPtrArray *findings) {
  g_autoptr(GError) failure = NULL;
  g_autoptr(GPtrArray) guests = berth_store_guests(berth->store, &failure);
  g_autofree char *value = guests != NULL ? g_strdup_printf("%u guests, %s", guests->len, berth->env->state_dir) : NULL;
  say(findings, "store", guests != NULL ? BERTH_FINDING_OK : BERTH_FINDING_PROBLEM, guests != NULL ? value : failure->message, "");
}

static void say_config(const BerthEnv *env, GPtrArray *findings) {
  gboolean there = env->config != NULL && g_file_test(env->config, G_FILE_TEST_EXISTS);
  say(findings, "configuration", BERTH_FINDING_OK, there ? env->config : "none", "");
}

/* ---- both ---- */

static guint problems_of(const GPtrArray *findings) {
  guint n = 0;
  for (guint i = 0; i < findings->len; i++)
    n += g_str_equal(((const BerthFinding *)g_ptr_array_index(findings, i))->state, BERTH_FINDING_PROBLEM);
  return n;
}

GPtrArray *berth_doctor(Berth *berth, const char *guest, guint *problems, GError **error) {
  g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func((GDestroyNotify)berth_finding_free);
  if (guest == NULL) {
    say(findings, "berth", BERTH_FINDING_OK, BERTH_VERSION, "");
    say_qemu(berth->env, findings);
    say_kvm(findings);
    say_iommu(findings);
    say_store(berth, findings);
    say_config(berth->env, findings);
  } else {
    g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
    g_autoptr(BerthProcess) qemu = found != NULL ? berth_lib_run_process(&found->run) : NULL;
    if (found == NULL ||
        !(qemu != NULL ? examine_running(berth, found, findings, error) : examine_defined(berth, found, findings, error)))
      return NULL;
  }
  *problems = problems_of(findings);
  return g_steal_pointer(&findings);
}
