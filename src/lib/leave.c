/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/control.h"
#include "guest/inspect.h"
#include "guest/move.h"
#include "kinds/abi.h"
#include "lib/move.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_MS 10000
#define QUIT_MS 10000
/* How long a QEMU that does not answer may take to be gone. */
#define FAREWELL_MS 1000

static gboolean check_devices(const BerthLibLive *live, GError **error) {
  const BerthDevice *bound = berth_kinds_abi_bound(live->plan->inventory);
  if (bound != NULL) {
    g_autofree char *name = berth_model_device_name(bound);
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED,
                "guest '%s': %s is a device of the host's, whose state QEMU cannot read; detach it first", live->guest->name, name);
    return FALSE;
  }
  g_autoptr(GPtrArray) changes = berth_store_changes(live->berth->store, live->guest->uuid, error);
  if (changes == NULL || changes->len == 0)
    return changes != NULL;
  const BerthStoreChange *change = g_ptr_array_index(changes, 0);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY,
              "guest '%s': device '%s' is still being unplugged, the guest has not let go of it", live->guest->name,
              change->device);
  return FALSE;
}

/* Where QEMU has put a module of memory, in the guest's eyes, it is to put it again: its state fits no other place. */
static gboolean learn_memory(const BerthLibLive *live, GError **error) {
  g_autoptr(GHashTable) memory = NULL;
  BerthDevice *device;
  for (guint i = 0; (device = berth_model_inventory_walk(live->plan->inventory, BERTH_MEMORY, &i)) != NULL;) {
    if (memory == NULL && (memory = berth_guest_memory(live->control, error)) == NULL)
      return FALSE;
    const BerthMemoryView *view = device->id != NULL ? g_hash_table_lookup(memory, device->id) : NULL;
    g_autofree char *base = view != NULL ? g_strdup_printf("0x%" G_GINT64_MODIFIER "x", view->address) : NULL;
    if (base != NULL && device->address.type == BERTH_ADDRESS_DIMM)
      berth_model_address_set(&device->address, BERTH_DIMM_BASE, view->address);
    else if (base != NULL && device->address.type == BERTH_ADDRESS_PCI)
      berth_model_device_set(device, "target/address/@base", base);
  }
  return TRUE;
}

static BerthManifest *manifest_of(const BerthLibLive *live, gboolean ran, GError **error) {
  g_autoptr(BerthStoreRevision) newest = berth_store_revision(live->berth->store, live->guest->uuid, 0, error);
  if (newest == NULL || !learn_memory(live, error))
    return NULL;
  g_autoptr(GBytes) document = berth_lib_live_document(live->plan);
  const BerthStoreRun *run = &live->guest->run;
  BerthManifest *manifest = g_new0(BerthManifest, 1);
  manifest->name = g_strdup(live->guest->name);
  manifest->uuid = g_strdup(live->guest->uuid);
  manifest->made = berth_base_env_timestamp(live->berth->env);
  manifest->state = g_strdup(ran ? "running" : "paused");
  manifest->document = g_strndup(g_bytes_get_data(document, NULL), g_bytes_get_size(document));
  manifest->record = g_strdup(run->record);
  manifest->defined_document = g_strndup(g_bytes_get_data(newest->document, NULL), g_bytes_get_size(newest->document));
  manifest->defined_record = g_strdup(newest->record);
  manifest->machine = g_strdup(newest->machine);
  return manifest;
}

gboolean berth_lib_leave_open(BerthLibLeave *leave, Berth *berth, const char *guest, guint flags, GError **error) {
  leave->listener = leave->stream = -1;
  gboolean paused = FALSE;
  if (!berth_lib_live_open(&leave->live, berth, guest, error) || !check_devices(&leave->live, error))
    return FALSE;
  g_autofree char *status = berth_guest_status(leave->live.control, error);
  leave->ran = g_strcmp0(status, "running") == 0;
  leave->qemu = status != NULL ? berth_lib_run_process(&leave->live.guest->run) : NULL;
  if (status != NULL && leave->qemu == NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': has ended meanwhile", leave->live.guest->name);
  if (leave->qemu == NULL || !berth_lib_move_paused(flags, leave->ran ? "running" : "paused", &paused, error))
    return FALSE;
  leave->memory = berth_guest_move_memory(leave->live.control);
  leave->manifest = manifest_of(&leave->live, !paused, error);
  leave->interrupt = berth_host_interrupt_new();
  return leave->manifest != NULL;
}

static void close_streams(BerthLibLeave *leave) {
  int *const fds[] = {&leave->stream, &leave->listener};
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    if (*fds[i] >= 0)
      close(*fds[i]);
    *fds[i] = -1;
  }
  if (leave->uri != NULL)
    berth_host_socket_remove(leave->uri);
  g_clear_pointer(&leave->uri, g_free);
}

void berth_lib_leave_clear(BerthLibLeave *leave) {
  close_streams(leave);
  g_clear_pointer(&leave->manifest, berth_model_manifest_free);
  g_clear_pointer(&leave->qemu, berth_host_process_free);
  berth_lib_live_clear(&leave->live);
  g_clear_pointer(&leave->interrupt, berth_host_interrupt_free);
}

/* QEMU may be another user's: its folder says whose. */
static gboolean give_socket(const char *run_dir, const char *path, GError **error) {
  struct stat folder;
  if (geteuid() != 0 || (stat(run_dir, &folder) == 0 && lchown(path, folder.st_uid, folder.st_gid) == 0))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "%s: %s", path, g_strerror(errno));
  return FALSE;
}

gboolean berth_lib_leave_begin(BerthLibLeave *leave, gboolean live, guint64 bandwidth, GError **error) {
  const BerthMoveHow how = {.live = live, .bandwidth = bandwidth};
  berth_lib_unfinished_note(leave->live.guest->run.run_dir, leave->ran, leave->file);
  g_autofree char *path = berth_guest_move_path(leave->live.guest->run.run_dir);
  leave->uri = g_strconcat("unix:", path, NULL);
  leave->listener = berth_host_socket_listen(leave->uri, error);
  if (leave->listener < 0 || !give_socket(leave->live.guest->run.run_dir, path, error) ||
      !berth_guest_move_out(leave->live.control, path, &how, error))
    return FALSE;
  leave->stream = berth_host_socket_accept(leave->listener, CONNECT_MS, leave->interrupt, error);
  return leave->stream >= 0;
}

void berth_lib_leave_progress(const BerthLibLeave *leave, guint64 bytes, gboolean done) {
  if (leave->progress != NULL)
    leave->progress(done || leave->memory == 0 ? (done ? 100 : 0) : (guint)MIN(bytes * 100 / leave->memory, 99),
                    leave->progress_data);
}

static gboolean record_again(const BerthLibLeave *leave, GError **error) {
  const BerthStoreRun *run = &leave->live.guest->run;
  return berth_lib_record_state(leave->live.berth, leave->live.guest->uuid, run, leave->ran ? "running" : run->state,
                                leave->ran ? "unpaused" : run->reason, error);
}

void berth_lib_leave_undo(BerthLibLeave *leave, GError **error) {
  g_autoptr(GError) failure = NULL;
  const char *name = leave->live.guest->name;
  /* A guest that QEMU was not told to send has never stopped: it is what it was, since then. */
  gboolean begun = leave->uri != NULL;
  close_streams(leave);
  if (!berth_lib_live_sure(&leave->live))
    g_set_error_literal(&failure, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU does not answer");
  else if (berth_guest_move_undo(leave->live.control, leave->ran, &failure) && (!begun || record_again(leave, &failure)))
    berth_lib_unfinished_forget(leave->live.guest->run.run_dir);
  if (failure == NULL)
    g_prefix_error(error, "guest '%s' %s: ", name, leave->ran ? "runs on" : "is still paused");
  else if (berth_host_process_wait(leave->qemu, FAREWELL_MS, NULL))
    g_prefix_error(error, "guest '%s' has ended: ", name);
  else
    g_prefix_error(error, "guest '%s' is there, but could not be told to run on (%s): ", name, failure->message);
}

gboolean berth_lib_leave_end(BerthLibLeave *leave, GError **error) {
  close_streams(leave);
  if (!(berth_guest_quit(leave->live.control, NULL) && berth_host_process_wait(leave->qemu, QUIT_MS, NULL)) &&
      !berth_host_process_end(leave->qemu, error))
    return FALSE;
  return berth_lib_settle(leave->live.berth, leave->live.guest, "shut off", leave->reason != NULL ? leave->reason : "migrated",
                          error);
}
