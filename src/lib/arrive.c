/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "assign/remember.h"
#include "guest/launch.h"
#include "guest/move.h"
#include "kinds/abi.h"
#include "lib/move.h"
#include "lib/names.h"

/* How long a QEMU that has closed its end may take to be gone. */
#define FAREWELL_MS 1000

void berth_lib_arrival_clear(BerthLibArrival *arrival) {
  g_clear_pointer(&arrival->uuid, g_free);
  g_clear_pointer(&arrival->name, g_free);
  g_clear_pointer(&arrival->document, g_bytes_unref);
  g_clear_pointer(&arrival->record, g_free);
  g_clear_pointer(&arrival->theirs, berth_record_free);
  g_clear_pointer(&arrival->definition, berth_store_revision_free);
}

gboolean berth_lib_move_paused(guint flags, const char *before, gboolean *paused, GError **error) {
  const guint both = BERTH_MOVE_RUNNING | BERTH_MOVE_PAUSED;
  if ((flags & both) == both) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_USAGE, "--running and --paused: only one of them can be");
    return FALSE;
  }
  *paused = (flags & both) != 0 ? (flags & BERTH_MOVE_PAUSED) != 0 : !g_str_equal(before, "running");
  return TRUE;
}

/* ---- which guest ---- */

/* NULL without error: there is none. */
static BerthStoreGuest *look_for(Berth *berth, const char *guest, GError **error) {
  g_autoptr(GError) failure = NULL;
  BerthStoreGuest *found = berth_store_guest(berth->store, guest, &failure);
  if (found == NULL && !g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NOT_FOUND))
    g_propagate_error(error, g_steal_pointer(&failure));
  return found;
}

static gboolean clash(const BerthManifest *manifest, const BerthStoreGuest *other, const char *what, GError **error) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT, "%s: is of guest '%s' with uuid %s; here is '%s' with uuid %s", what,
              manifest->name, manifest->uuid, other->name, other->uuid);
  return FALSE;
}

static gboolean find_guest(Berth *berth, const BerthManifest *manifest, const char *what, BerthStoreGuest **found, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (!g_uuid_string_is_valid(manifest->uuid)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: its uuid is malformed", what);
    return FALSE;
  }
  const char *wrong = berth_lib_name_complaint(manifest->name);
  if (wrong != NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: the name of its guest %s", what, wrong);
    return FALSE;
  }
  g_autoptr(BerthStoreGuest) by_uuid = look_for(berth, manifest->uuid, &failure);
  g_autoptr(BerthStoreGuest) by_name = failure == NULL ? look_for(berth, manifest->name, &failure) : NULL;
  if (failure != NULL) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  if (by_uuid != NULL && !g_str_equal(by_uuid->name, manifest->name))
    return clash(manifest, by_uuid, what, error);
  if (by_name != NULL && !g_str_equal(by_name->uuid, manifest->uuid))
    return clash(manifest, by_name, what, error);
  *found = g_steal_pointer(&by_uuid);
  g_autoptr(BerthProcess) qemu = *found != NULL ? berth_lib_run_process(&(*found)->run) : NULL;
  if (qemu == NULL)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': is running already", (*found)->name);
  return FALSE;
}

/* ---- with which hardware ---- */

static gboolean refuse(const GPtrArray *differences, const char *what, const char *other, GError **error) {
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < differences->len; i++) {
    const BerthDifference *one = g_ptr_array_index(differences, i);
    g_string_append_printf(text, "%s%s %s", i > 0 ? "; " : "", one->device, one->change);
    if (*one->aspect != '\0')
      g_string_append_printf(text, ": %s '%s' there, '%s' here", one->aspect, one->was, one->now);
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT, "%s: does not fit %s: %s", what, other, text->str);
  return FALSE;
}

/* QEMU's state calls some parts by their ids, so that each device keeps the one that it had. */
static void keep_ids(const BerthPlan *was, const BerthPlan *now) {
  g_autoptr(GPtrArray) partners = berth_kinds_abi_partners(was->inventory, now->inventory, FALSE);
  for (guint i = 0; i < partners->len; i++) {
    const BerthDevice *device = was->inventory->devices->pdata[i];
    BerthDevice *partner = partners->pdata[i];
    if (partner == NULL)
      continue;
    g_free(partner->id);
    partner->id = g_strdup(device->id);
  }
}

static gboolean take_hardware(BerthLibArrival *arrival, const BerthPlan *was, const BerthPlan *now, const char *record,
                              const char *what, const char *other, GError **error) {
  berth_lib_live_keep_chosen(was, now);
  g_autoptr(GPtrArray) differences = berth_plan_diff(was, now);
  if (differences->len > 0)
    return refuse(differences, what, other, error);
  keep_ids(was, now);
  arrival->document = berth_lib_live_document(now);
  arrival->record = g_strdup(record);
  return TRUE;
}

static BerthStoreRevision *revision_new(Berth *berth, GBytes *document, const char *record, const char *machine,
                                        const char *command) {
  BerthStoreRevision *revision = g_new0(BerthStoreRevision, 1);
  revision->document = g_bytes_ref(document);
  revision->record = g_strdup(record);
  revision->machine = g_strdup(machine);
  revision->command = g_strdup(command);
  revision->made = berth_base_env_timestamp(berth->env);
  return revision;
}

/* Another domain for the same guest: what it leaves out is as it was. */
static gboolean take_xml(BerthLibArrival *arrival, Berth *berth, const BerthPlan *was, const BerthRecord *memory,
                         const BerthXmlDocument *xml, const BerthFacts *facts, const char *what, GError **error) {
  const BerthPlanOptions options = {.record = memory, .facts = facts, .uuid = arrival->uuid};
  g_autoptr(BerthPlan) first = berth_lib_plan(xml, &options, error);
  if (first == NULL)
    return FALSE;
  g_autoptr(GBytes) document = berth_plan_document(first);
  g_autofree char *record = berth_record_to_json(berth_assign_record(first));
  g_autoptr(GBytes) running = berth_lib_vcpus_inherit(document, xml->file, was->inventory->document, error);
  g_autoptr(BerthPlan) now = running != NULL ? berth_lib_plan_stored(xml->file, running, record, facts, error) : NULL;
  if (now == NULL || !take_hardware(arrival, was, now, record, what, xml->file, error))
    return FALSE;
  if (arrival->fresh)
    arrival->definition = revision_new(berth, document, record, now->inventory->machine, arrival->command);
  return TRUE;
}

/* The guest's own definition here. */
static gboolean take_own(BerthLibArrival *arrival, const BerthPlan *was, const BerthStoreRevision *newest, const BerthFacts *facts,
                         const char *what, GError **error) {
  g_autoptr(GBytes) running = berth_lib_vcpus_inherit(newest->document, arrival->name, was->inventory->document, error);
  g_autoptr(BerthPlan) now = running != NULL ? berth_lib_plan_defined(arrival->name, running, newest->record, facts, error) : NULL;
  return now != NULL && take_hardware(arrival, was, now, newest->record, what, "the definition here", error);
}

/* A definition that stays here, which may have been made while the state came, learns where things were that it does not know. */
static gboolean learn(BerthLibArrival *arrival, Berth *berth, GError **error) {
  g_autoptr(BerthStoreRevision) newest = berth_store_revision(berth->store, arrival->uuid, 0, error);
  g_autoptr(BerthRecord) record = newest != NULL ? berth_record_parse(newest->record, -1, arrival->name, error) : NULL;
  if (record == NULL)
    return FALSE;
  g_autofree char *today = berth_base_env_timestamp(berth->env);
  if (!berth_lib_live_inherit(record, arrival->theirs, today))
    return TRUE;
  g_autofree char *json = berth_record_to_json(record);
  arrival->definition = revision_new(berth, newest->document, json, newest->machine, arrival->command);
  return TRUE;
}

/* As it was. */
static gboolean take_theirs(BerthLibArrival *arrival, Berth *berth, const BerthManifest *manifest, const char *what,
                            GError **error) {
  arrival->document = g_bytes_new(manifest->document, strlen(manifest->document));
  arrival->record = g_strdup(manifest->record);
  if (!arrival->fresh)
    return TRUE;
  g_autoptr(GBytes) document = g_bytes_new(manifest->defined_document, strlen(manifest->defined_document));
  g_autoptr(BerthPlan) plan = berth_lib_plan_stored(what, document, manifest->defined_record, NULL, error);
  if (plan == NULL)
    return FALSE;
  arrival->definition = revision_new(berth, document, manifest->defined_record, plan->inventory->machine, arrival->command);
  return TRUE;
}

gboolean berth_lib_arrival_init(BerthLibArrival *arrival, Berth *berth, const BerthManifest *manifest, const BerthXmlDocument *xml,
                                gboolean own, const char *command, const char *what, GError **error) {
  g_autoptr(BerthStoreGuest) guest = NULL;
  if (!find_guest(berth, manifest, what, &guest, error))
    return FALSE;
  arrival->uuid = g_ascii_strdown(manifest->uuid, -1);
  arrival->name = g_strdup(manifest->name);
  arrival->command = command;
  arrival->fresh = guest == NULL;
  arrival->revision = guest != NULL ? guest->revision : 0;
  g_autoptr(GBytes) document = g_bytes_new(manifest->document, strlen(manifest->document));
  g_autoptr(BerthRecord) record = berth_record_parse(manifest->record, -1, what, error);
  BerthXmlDocument *parsed = record != NULL ? berth_xml_document_parse(document, what, error) : NULL;
  g_autoptr(BerthPlan) was = berth_lib_live_plan(parsed, record, NULL, NULL, error);
  if (was == NULL)
    return FALSE;
  const BerthXmlNode *root = xml != NULL ? xml->root : was->inventory->document->root;
  g_autoptr(BerthFacts) facts = berth_lib_facts(berth->env, berth_xml_node_get(root, "devices/emulator"), error);
  if (facts == NULL)
    return FALSE;
  g_autoptr(BerthStoreRevision) newest = guest != NULL && own ? berth_store_revision(berth->store, guest->uuid, 0, error) : NULL;
  if (guest != NULL && own &&
      (newest == NULL || !(arrival->theirs = berth_record_parse(manifest->defined_record, -1, what, error))))
    return FALSE;
  if (xml != NULL)
    return take_xml(arrival, berth, was, record, xml, facts, what, error);
  if (newest != NULL)
    return take_own(arrival, was, newest, facts, what, error);
  return take_theirs(arrival, berth, manifest, what, error);
}

gboolean berth_lib_arrival_write(BerthLibArrival *arrival, Berth *berth, BerthStoreWrite *write, GError **error) {
  if (arrival->theirs != NULL && !learn(arrival, berth, error))
    return FALSE;
  return (!arrival->fresh || berth_store_write_guest(write, arrival->uuid, arrival->name, error)) &&
         (arrival->definition == NULL || berth_store_write_revision(write, arrival->uuid, arrival->definition, error));
}

/* ---- its state ---- */

/* Who finds a QEMU that nobody has recorded must know that it has not run. */
static gboolean mark(const char *run_dir, GError **error) {
  g_autofree char *path = berth_guest_arriving_path(run_dir);
  return berth_guest_mark(path, error);
}

void berth_lib_arrival_known(const char *run_dir) {
  g_autofree char *path = berth_guest_arriving_path(run_dir);
  g_unlink(path);
}

gboolean berth_lib_arrival_feed(const BerthLibArrival *arrival, BerthQmp *qmp, BerthProcess *qemu, const char *run_dir,
                                BerthLibGive give, gpointer data, GError **error) {
  g_autoptr(GError) failure = NULL;
  g_autofree char *path = berth_guest_move_path(run_dir);
  g_autofree char *uri = g_strconcat("unix:", path, NULL);
  if (!mark(run_dir, error) || !berth_guest_move_in(qmp, path, !arrival->paused, error))
    return FALSE;
  int to = berth_host_socket_connect(uri, &failure);
  if (to < 0) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU does not listen for the state: %s", failure->message);
    return FALSE;
  }
  gboolean given = give(data, to, &failure);
  /* Looked at before the stream is closed, which would end QEMU in any case. */
  gboolean damaged = g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
  gboolean ended = !given && !damaged && berth_host_process_wait(qemu, FAREWELL_MS, NULL);
  close(to);
  berth_host_socket_remove(uri);
  if (given || ended)
    return berth_guest_move_arrived(qmp, qemu, run_dir, error);
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}
