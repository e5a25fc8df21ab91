/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "families/families.h"
#include "guest/control.h"
#include "guest/launch.h"
#include "guest/prepare.h"
#include "host/notify.h"
#include "guest/plug.h"
#include "kinds/kinds.h"
#include "lib/move.h"

#define READ_BACK_MS 30000
#define RECONNECT_MS 10000

/* A guest on its way up. */
typedef struct {
  BerthLibArrival *arrival; /* it does not boot but goes on; NULL: it boots */
  BerthStoreGuest *guest;
  BerthStoreRevision *revision;
  BerthPlan *plan;
  BerthQemu *qemu;
  gboolean terminal; /* a serial port is on this process's stdin and stdout */
  BerthProcess *process;
  BerthQmp *events;
  BerthStoreRun run;
} Rise;

static void rise_clear(Rise *rise) {
  berth_store_guest_free(rise->guest);
  berth_store_revision_free(rise->revision);
  berth_plan_free(rise->plan);
  berth_model_qemu_free(rise->qemu);
  berth_qmp_free(rise->events);
  berth_host_process_free(rise->process);
  berth_store_run_clear(&rise->run);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rise, rise_clear)

static const BerthDevice *on_stdio(const BerthInventory *inventory) {
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(inventory->devices, i);
    if (berth_model_device_is(device, "@type", "stdio"))
      return device;
  }
  return NULL;
}

static gboolean check_paths(const BerthStoreGuest *guest, const char *run_dir, GError **error) {
  g_autofree char *path = berth_guest_control_path(run_dir);
  if (strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': path of its monitor is too long for a socket: %s", guest->name,
              path);
  return FALSE;
}

/* What it is to run with. */
static BerthStoreRevision *revision_of(Berth *berth, const Rise *rise, GError **error) {
  if (rise->arrival == NULL)
    return berth_store_revision(berth->store, rise->guest->uuid, 0, error);
  BerthStoreRevision *revision = g_new0(BerthStoreRevision, 1);
  revision->number = rise->arrival->revision;
  revision->document = g_bytes_ref(rise->arrival->document);
  revision->record = g_strdup(rise->arrival->record);
  return revision;
}

static BerthPlan *plan_of(const Rise *rise, const BerthFacts *facts, GError **error) {
  const char *name = rise->guest->name;
  if (rise->arrival == NULL)
    return berth_lib_plan_defined(name, rise->revision->document, rise->revision->record, facts, error);
  g_autoptr(BerthRecord) record = berth_record_parse(rise->revision->record, -1, name, error);
  BerthXmlDocument *document = record != NULL ? berth_lib_live_parse(name, rise->revision->document, error) : NULL;
  return berth_lib_live_plan(document, record, facts, NULL, error);
}

/* Plans the hardware again, as it is stored, and describes it to this QEMU. */
static gboolean prepare(Berth *berth, Rise *rise, gboolean detached, GError **error) {
  rise->run.run_dir = berth_lib_run_dir(berth->env, rise->guest->uuid);
  rise->revision = revision_of(berth, rise, error);
  g_autoptr(BerthXmlDocument) document =
      rise->revision != NULL ? berth_xml_document_parse(rise->revision->document, rise->guest->name, error) : NULL;
  if (document == NULL)
    return FALSE;
  const char *emulator = berth_xml_node_get(document->root, "devices/emulator");
  g_autoptr(BerthFacts) facts = berth_lib_facts(berth->env, emulator, error);
  if (facts == NULL)
    return FALSE;
  rise->plan = plan_of(rise, facts, error);
  g_autoptr(BerthHostFacts) host = berth_lib_host_facts(berth->env, rise->run.run_dir, document);
  rise->qemu = rise->plan != NULL ? berth_kinds_build(rise->plan->inventory, facts, berth_families, host, error) : NULL;
  if (rise->qemu == NULL || !berth_guest_check_needs(rise->qemu, error))
    return FALSE;
  if (rise->arrival != NULL)
    berth_model_qemu_option(rise->qemu, "-incoming", "defer");
  g_free(rise->qemu->binary);
  rise->qemu->binary = berth_lib_binary(berth->env, emulator, error);
  const BerthDevice *stdio = on_stdio(rise->plan->inventory);
  rise->terminal = stdio != NULL;
  if (stdio == NULL || !detached)
    return rise->qemu->binary != NULL;
  g_autofree char *name = berth_model_device_name(stdio);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "guest '%s': %s is on stdio, which only berth run in the foreground has",
              rise->guest->name, name);
  return FALSE;
}

static gboolean launch(Berth *berth, Rise *rise, GError **error) {
  BerthStoreRun *run = &rise->run;
  if (!check_paths(rise->guest, run->run_dir, error))
    return FALSE;
  if (!berth_guest_end_unrecorded(run->run_dir, error)) {
    g_prefix_error(error, "guest '%s': ", rise->guest->name);
    return FALSE;
  }
  g_autoptr(BerthUser) user = NULL;
  if (!berth_lib_user(berth->env, &user, error) || !berth_lib_owner_give(berth, rise->guest->uuid, user, rise->qemu, error))
    return FALSE;
  const BerthLaunch how = {.run_dir = run->run_dir, .user = user, .terminal = rise->terminal};
  rise->process = berth_guest_launch(rise->qemu, &how, &rise->events, error);
  if (rise->process == NULL) {
    g_prefix_error(error, "guest '%s': ", rise->guest->name);
    return FALSE;
  }
  run->pid = rise->process->pid;
  run->start_time = rise->process->start_time;
  run->boot = berth_host_boot_id();
  run->supervisor = getpid();
  run->supervisor_start_time = berth_host_process_start_time(run->supervisor);
  run->revision = rise->revision->number;
  run->record = g_strdup(rise->revision->record);
  return TRUE;
}

static void describe(GString *text, const BerthPlan *plan, const BerthPlace *place) {
  g_string_append(text, text->len > 0 ? "; " : "");
  g_autofree char *actual = place->actual.type != BERTH_ADDRESS_NONE ? berth_model_address_to_string(&place->actual) : NULL;
  if (place->device < 0) {
    g_string_append_printf(text, "%s is not in the definition, QEMU has it at %s", place->id, actual != NULL ? actual : "?");
    return;
  }
  const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, place->device);
  g_autofree char *name = berth_model_device_name(device);
  g_autofree char *recorded = berth_model_address_to_string(&device->address);
  g_string_append_printf(text, "%s (%s) is recorded at %s, ", name, place->id, recorded);
  if (place->state == BERTH_PLACE_MISSING)
    g_string_append(text, "QEMU does not have it");
  else
    g_string_append_printf(text, "QEMU has it at %s", actual != NULL ? actual : place->bus != NULL ? place->bus : "no known place");
}

/* What was left to QEMU is where QEMU has put it: while the guest runs, that is its place. */
static void take_chosen(const BerthPlan *plan, const GPtrArray *places) {
  for (guint i = 0; i < places->len; i++) {
    const BerthPlace *place = g_ptr_array_index(places, i);
    BerthDevice *device = place->device >= 0 ? g_ptr_array_index(plan->inventory->devices, place->device) : NULL;
    if (device != NULL && device->address.type == BERTH_ADDRESS_NONE)
      device->address = place->actual;
  }
}

static gboolean verify(Rise *rise, GError **error) {
  g_autoptr(GPtrArray) places =
      berth_guest_read_back(rise->events, rise->plan->inventory, berth_families, rise->qemu, READ_BACK_MS, error);
  if (places == NULL) {
    g_prefix_error(error, "guest '%s': places cannot be read back: ", rise->guest->name);
    return FALSE;
  }
  if (!berth_guest_places_drift(places)) {
    take_chosen(rise->plan, places);
    return TRUE;
  }
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < places->len; i++) {
    const BerthPlace *place = g_ptr_array_index(places, i);
    if (place->state != BERTH_PLACE_OK && place->state != BERTH_PLACE_BUILTIN)
      describe(text, rise->plan, place);
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_DRIFT, "guest '%s': %s; it was not started", rise->guest->name, text->str);
  return FALSE;
}

static gboolean record_run(Berth *berth, Rise *rise, gboolean paused, GError **error) {
  rise->run.document = berth_lib_live_document(rise->plan);
  rise->run.state = g_strdup(paused ? "paused" : "running");
  rise->run.reason = g_strdup(rise->arrival != NULL ? rise->arrival->reason : paused ? "user" : "booted");
  rise->run.since = berth_base_env_timestamp(berth->env);
  g_autoptr(BerthStoreWrite) write = rise->arrival == NULL && !paused ? berth_store_write_begin_brief(berth->store, error)
                                                                      : berth_store_write_begin(berth->store, error);
  if (write == NULL ||
      (rise->arrival != NULL && !rise->arrival->fresh && !berth_lib_arrival_write(rise->arrival, berth, write, error)))
    return FALSE;
  if (rise->arrival != NULL && rise->arrival->definition != NULL)
    rise->run.revision = rise->arrival->definition->number;
  if (!berth_store_write_run(write, rise->guest->uuid, &rise->run, error) ||
      !berth_store_write_commit(g_steal_pointer(&write), error))
    return FALSE;
  if (rise->arrival != NULL)
    berth_lib_arrival_known(rise->run.run_dir);
  return TRUE;
}

/* Nothing of a failed start stays: neither process nor files nor record. */
static void fall(Berth *berth, Rise *rise) {
  if (rise->process == NULL) {
    berth_lib_owner_settle(berth, rise->guest->uuid, NULL);
    return;
  }
  berth_host_process_end(rise->process, NULL);
  if (rise->run.state != NULL)
    berth_lib_record_state(berth, rise->guest->uuid, &rise->run, "shut off", "failed", NULL);
  berth_guest_clean(rise->run.run_dir);
  berth_lib_owner_settle(berth, rise->guest->uuid, NULL);
}

/* What an arrival is was looked up before its lock was held: the guest may have been undefined since, and defined again by another
 * name. */
static BerthStoreGuest *lock_known(Berth *berth, const Rise *rise, const char *guest, BerthLock **lock, GError **error) {
  g_autoptr(BerthStoreGuest) known = berth_lib_guest_locked(berth, guest, lock, error);
  if (known == NULL || rise->arrival == NULL || g_str_equal(known->name, rise->arrival->name))
    return g_steal_pointer(&known);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT, "guest '%s': is called '%s' here", rise->arrival->name, known->name);
  return NULL;
}

/* A guest that the store does not know yet has a lock all the same; with it, it becomes known. */
static BerthStoreGuest *lock_guest(Berth *berth, const Rise *rise, const char *guest, BerthLock **lock, GError **error) {
  if (rise->arrival == NULL || !rise->arrival->fresh)
    return lock_known(berth, rise, guest, lock, error);
  BerthStoreGuest fresh = {.uuid = rise->arrival->uuid, .name = rise->arrival->name};
  g_autoptr(BerthLock) held = berth_lib_lock(berth, &fresh, error);
  g_autoptr(BerthStoreWrite) write = held != NULL ? berth_store_write_begin(berth->store, error) : NULL;
  if (write == NULL || !berth_lib_arrival_write(rise->arrival, berth, write, error) ||
      !berth_store_write_commit(g_steal_pointer(&write), error))
    return NULL;
  *lock = g_steal_pointer(&held);
  return berth_store_guest(berth->store, rise->arrival->uuid, error);
}

/* It has not come, so that it is not known any more; unless somebody has defined it since. */
static void forget_guest(Berth *berth, const Rise *rise) {
  g_autoptr(BerthStoreWrite) write =
      rise->arrival != NULL && rise->arrival->fresh ? berth_store_write_begin(berth->store, NULL) : NULL;
  g_autoptr(BerthStoreGuest) guest = write != NULL ? berth_store_guest(berth->store, rise->arrival->uuid, NULL) : NULL;
  if (guest != NULL && guest->revision == rise->arrival->definition->number &&
      berth_store_write_remove(write, rise->arrival->uuid, NULL))
    berth_store_write_commit(g_steal_pointer(&write), NULL);
}

static gboolean renew(const Rise *rise, guint flags, GError **error) {
  if ((flags & BERTH_RUN_RESET_NVRAM) == 0 || berth_guest_renew_files(rise->qemu, error))
    return TRUE;
  g_prefix_error(error, "guest '%s': ", rise->guest->name);
  return FALSE;
}

static gboolean sync_run(gpointer store, GError **error) {
  return store == NULL || berth_store_sync(store, error);
}

/* That it runs must be seen by everybody before it does, and be on disk before that is said: so the disk works while QEMU does.
 * Whether QEMU has heard it and not answered, it is asked: a guest whose vCPUs may have run has changed its disks, so that it
 * cannot go on from an older state any more. */
static gboolean go(Berth *berth, Rise *rise, GError **error) {
  g_autoptr(GError) failure = NULL;
  BerthStore *unsynced = rise->arrival == NULL ? berth->store : NULL;
  if (berth_guest_cont_meanwhile(rise->events, sync_run, unsynced, &failure))
    return TRUE;
  if (berth_qmp_unsure(rise->events)) {
    g_autofree char *path = berth_guest_events_path(rise->run.run_dir);
    g_clear_pointer(&rise->events, berth_qmp_free);
    rise->events = berth_qmp_connect(path, RECONNECT_MS, NULL);
    if (rise->events != NULL && berth_guest_cont_meanwhile(rise->events, sync_run, unsynced, NULL))
      return TRUE;
    if (rise->arrival != NULL)
      rise->arrival->may_have_run = TRUE;
  }
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

/* Nobody runs it, and no state waits for it, which would fit its disks no more once it has run without. */
static gboolean check_free(Berth *berth, const Rise *rise, guint flags, GError **error) {
  const BerthStoreGuest *guest = rise->guest;
  g_autoptr(BerthProcess) other = berth_lib_run_process(&guest->run);
  g_autofree char *managed = NULL;
  if (other != NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': is running already", guest->name);
    return FALSE;
  }
  if ((rise->arrival != NULL && rise->arrival->managed) || (flags & BERTH_RUN_FORCE_BOOT) != 0)
    return TRUE;
  if (!berth_lib_managed_find(berth, guest->uuid, &managed, error))
    return FALSE;
  if (managed == NULL)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT,
              "guest '%s': has a managed state; start goes on with it, managedsave-remove throws it away", guest->name);
  return FALSE;
}

static gboolean discard_managed(Berth *berth, const Rise *rise, guint flags, GError **error) {
  g_autofree char *managed = berth_lib_managed_path(berth->env, rise->guest->uuid);
  return rise->arrival != NULL || (flags & BERTH_RUN_FORCE_BOOT) == 0 || berth_base_file_remove(managed, error);
}

/* *@lock: the guest's, until what has become of it is known to all who must. */
static gboolean rise_up(Berth *berth, Rise *rise, const char *guest, guint flags, gboolean detached, BerthLock **lock,
                        GError **error) {
  rise->guest = lock_guest(berth, rise, guest, lock, error);
  if (rise->guest == NULL)
    return FALSE;
  if (!check_free(berth, rise, flags, error) || !berth_lib_settle(berth, rise->guest, NULL, NULL, error)) {
    forget_guest(berth, rise);
    return FALSE;
  }
  gboolean paused = (flags & BERTH_RUN_PAUSED) != 0;
  if (prepare(berth, rise, detached, error) && renew(rise, flags, error) && launch(berth, rise, error) && verify(rise, error) &&
      berth_guest_tell(rise->events, rise->qemu, error) &&
      (rise->arrival == NULL || rise->arrival->load(rise->arrival, rise->events, rise->process, rise->run.run_dir, error)) &&
      record_run(berth, rise, paused, error) && discard_managed(berth, rise, flags, error) &&
      (rise->arrival == NULL || rise->arrival->recorded == NULL || rise->arrival->recorded(rise->arrival, error)) &&
      (paused || go(berth, rise, error)))
    return TRUE;
  fall(berth, rise);
  forget_guest(berth, rise);
  return FALSE;
}

static gboolean run(Berth *berth, BerthLibArrival *arrival, const char *guest, guint flags, int ready, GError **error) {
  g_auto(Rise) rise = {.arrival = arrival};
  g_autoptr(GError) failure = NULL;
  g_autoptr(BerthLibWatch) watch = berth_lib_watch_new();
  g_autoptr(BerthLock) lock = NULL;
  gboolean up = rise_up(berth, &rise, guest, flags, ready >= 0, &lock, &failure);
  if (arrival != NULL && arrival->told != NULL)
    arrival->told(arrival, failure);
  g_clear_pointer(&lock, berth_host_lock_free);
  berth_lib_tell(ready, failure);
  if (!up) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  berth_host_notify(berth->env->notify, "READY=1", NULL);
  berth_lib_watch_begin(watch, berth, rise.guest->uuid, &rise.run, rise.process, g_steal_pointer(&rise.events));
  berth_lib_watch_begin_anew(watch);
  return berth_lib_watch_run(watch, error);
}

/* What is wrong with the guest, e.g. that there is none, is for those to tell who start it. */
static gboolean runs(Berth *berth, const char *name) {
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(berth->store, name, NULL);
  g_autoptr(BerthProcess) qemu = guest != NULL ? berth_lib_run_process(&guest->run) : NULL;
  return qemu != NULL;
}

/* The state that the guest is to go on with: *@managed (transfer full), NULL: it boots. */
static gboolean choose(Berth *berth, const char *guest, guint flags, char **managed, GError **error) {
  if ((flags & BERTH_RUN_FORCE_BOOT) != 0)
    return TRUE;
  if (!berth_lib_managed_find(berth, guest, managed, error))
    return FALSE;
  if (*managed == NULL || (flags & BERTH_RUN_RESET_NVRAM) == 0)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE,
              "guest '%s': its managed state goes on with the UEFI variables that it has; --force-boot throws it away", guest);
  return FALSE;
}

gboolean berth_run(Berth *berth, const char *guest, guint flags, int ready, GError **error) {
  if ((flags & BERTH_RUN_ADOPT) != 0 && runs(berth, guest))
    return berth_lib_adopt_from(berth, guest, ready, error);
  g_autofree char *managed = NULL;
  g_autoptr(GError) failure = NULL;
  if (!choose(berth, guest, flags, &managed, &failure)) {
    berth_lib_tell(ready, failure);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  if (managed != NULL)
    return berth_lib_run_managed(berth, managed, (flags & BERTH_RUN_PAUSED) != 0 ? BERTH_MOVE_PAUSED : 0, ready, error);
  return run(berth, NULL, guest, flags, ready, error);
}

gboolean berth_lib_run_arrival(Berth *berth, BerthLibArrival *arrival, int ready, GError **error) {
  return run(berth, arrival, arrival->uuid, arrival->paused ? BERTH_RUN_PAUSED : 0, ready, error);
}
