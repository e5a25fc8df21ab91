/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/live.h"

#include <string.h>

#include "assign/remember.h"
#include "families/families.h"
#include "guest/control.h"
#include "guest/launch.h"
#include "guest/readback.h"
#include "kinds/kinds.h"

#define CONNECT_MS 10000
#define AT_ONCE_MS 300

static gboolean same_run(const BerthStoreGuest *guest, const BerthStoreRun *run) {
  return guest->run.pid == run->pid && guest->run.start_time == run->start_time && guest->run.pid != 0;
}

/* For history: what came or went, or (@stays) what is said otherwise of the device. */
static gboolean tell(Berth *berth, BerthStoreWrite *write, const BerthStoreGuest *guest, const BerthPlan *plan,
                     const BerthRecord *before, const char *id, gboolean stays, GError **error) {
  g_autoptr(BerthStoreEvent) event = g_new0(BerthStoreEvent, 1);
  const BerthDevice *device = stays ? berth_lib_live_device(plan, id) : NULL;
  event->came = berth_lib_record_only_in(berth_assign_record(plan), before);
  event->went = berth_lib_record_only_in(before, berth_assign_record(plan));
  if (device != NULL && device->node != NULL) {
    g_autoptr(BerthXmlDocument) old = berth_lib_live_parse(guest->name, guest->run.document, error);
    const BerthXmlNode *was = old != NULL ? berth_lib_live_node(old, id) : NULL;
    if (was == NULL)
      return old != NULL;
    g_autofree char *name = berth_model_device_name(device);
    event->changed = berth_lib_event_changed(name, was, device->node);
  }
  return berth_lib_event(berth, write, guest->uuid, id, event, error);
}

void berth_lib_live_next_clear(BerthLibLiveNext *next) {
  g_clear_pointer(&next->before, g_bytes_unref);
  g_clear_pointer(&next->document, g_bytes_unref);
  g_clear_pointer(&next->record_before, g_free);
  g_clear_pointer(&next->record, g_free);
  g_clear_pointer(&next->plan, berth_plan_free);
  g_clear_pointer(&next->old, berth_record_free);
}

gboolean berth_lib_live_next(const Berth *berth, const BerthStoreGuest *guest, const char *id, gboolean known, GBytes *xml,
                             BerthLibLiveNext *next, GError **error) {
  g_autoptr(BerthXmlDocument) fragment = xml != NULL ? berth_xml_document_parse(xml, guest->name, error) : NULL;
  if (xml != NULL && fragment == NULL)
    return FALSE;
  g_autofree char *file = berth_lib_live_file(guest->name), *now = berth_base_env_timestamp(berth->env);
  g_autoptr(BerthRecord) record = berth_record_parse(guest->run.record, -1, guest->name, error);
  if (record == NULL)
    return FALSE;
  BerthXmlDocument *changed = xml == NULL ? berth_lib_live_remove(guest->run.document, file, id, error)
                              : !known    ? berth_lib_live_add(guest->run.document, file, fragment->root, error)
                                          : berth_lib_live_replace(guest->run.document, file, id, fragment->root, error);
  g_autoptr(BerthPlan) plan = berth_lib_live_plan(changed, record, NULL, now, error);
  if (plan == NULL)
    return FALSE;
  next->before = g_bytes_ref(guest->run.document);
  next->record_before = g_strdup(guest->run.record);
  next->document = berth_plan_document(plan);
  next->record = berth_record_to_json(berth_assign_record(plan));
  next->old = g_steal_pointer(&record);
  next->plan = g_steal_pointer(&plan);
  return TRUE;
}

static gboolean rewrite(Berth *berth, BerthStoreWrite *write, const BerthStoreGuest *guest, const char *id, gboolean known,
                        GBytes *xml, const BerthLibLiveNext *next, GError **error) {
  g_auto(BerthLibLiveNext) own = {0};
  BerthStoreRun run = guest->run;
  if (next->plan == NULL || !g_bytes_equal(next->before, run.document) || g_strcmp0(next->record_before, run.record) != 0) {
    if (!berth_lib_live_next(berth, guest, id, known, xml, &own, error))
      return FALSE;
    next = &own;
  }
  run.document = next->document;
  run.record = next->record;
  return tell(berth, write, guest, next->plan, next->old, id, known && xml != NULL, error) &&
         berth_store_write_run(write, guest->uuid, &run, error);
}

gboolean berth_lib_live_commit_next(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, GBytes *xml,
                                    const BerthLibLiveNext *next, BerthLibLiveAlso also, gpointer data, GError **error) {
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin(berth->store, error);
  g_autoptr(BerthStoreGuest) guest = write != NULL ? berth_store_guest(berth->store, uuid, error) : NULL;
  if (guest == NULL)
    return FALSE;
  if (!same_run(guest, run))
    return TRUE;
  g_autoptr(GBytes) there = berth_lib_live_element(guest->run.document, id);
  gboolean same = there == NULL || xml == NULL ? there == xml : g_bytes_equal(there, xml);
  if (!same && !rewrite(berth, write, guest, id, there != NULL, xml, next, error))
    return FALSE;
  return berth_store_write_change_done(write, uuid, id, error) && (also == NULL || also(write, data, error)) &&
         berth_store_write_commit(g_steal_pointer(&write), error);
}

gboolean berth_lib_live_commit(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, GBytes *xml,
                               BerthLibLiveAlso also, gpointer data, GError **error) {
  const BerthLibLiveNext none = {0};
  return berth_lib_live_commit_next(berth, uuid, run, id, xml, &none, also, data, error);
}

/* Records a change of what @guest runs, or (@state NULL) that there is none. */
static gboolean write_row(Berth *berth, BerthStoreWrite *write, const BerthStoreGuest *guest, const BerthStoreRun *run,
                          const char *id, const char *state, const char *command, GBytes *xml, GError **error) {
  if (!same_run(guest, run)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': has ended meanwhile", guest->name);
    return FALSE;
  }
  g_autofree char *now = berth_base_env_timestamp(berth->env);
  const BerthStoreChange change = {.device = (char *)id,
                                   .state = (char *)state,
                                   .since = now,
                                   .command = (char *)command,
                                   .xml = xml,
                                   .pid = run->pid,
                                   .start_time = run->start_time};
  return state != NULL ? berth_store_write_change(write, guest->uuid, &change, error)
                       : berth_store_write_change_done(write, guest->uuid, id, error);
}

gboolean berth_lib_live_note(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, const char *state,
                             const char *command, GBytes *xml, BerthLibLiveAlso also, gpointer data, GError **error) {
  /* What power takes away it takes away from QEMU, too. */
  g_autoptr(BerthStoreWrite) write =
      also == NULL ? berth_store_write_begin_brief(berth->store, error) : berth_store_write_begin(berth->store, error);
  g_autoptr(BerthStoreGuest) guest = write != NULL ? berth_store_guest(berth->store, uuid, error) : NULL;
  return guest != NULL && write_row(berth, write, guest, run, id, state, command, xml, error) &&
         (also == NULL || also(write, data, error)) && berth_store_write_commit(g_steal_pointer(&write), error);
}

gboolean berth_lib_live_drop(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, GError **error) {
  return berth_lib_live_note(berth, uuid, run, id, NULL, NULL, NULL, NULL, NULL, error);
}

/* ---- what others have left ---- */

BerthQemu *berth_lib_live_build(const Berth *berth, const BerthStoreGuest *guest, const BerthFacts *facts, const BerthPlan *plan,
                                const BerthDevice *device, GError **error) {
  g_autoptr(BerthHostFacts) host = berth_lib_host_facts(berth->env, guest->run.run_dir, plan->inventory->document);
  return berth_kinds_build_device(plan->inventory, device, facts, berth_families, host, error);
}

static void drop_back_ends(const Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const BerthPlan *plan, const char *id) {
  const BerthDevice *device = berth_lib_live_device(plan, id);
  g_autoptr(BerthQemu) objects = device != NULL ? berth_lib_live_build(berth, guest, NULL, plan, device, NULL) : NULL;
  if (objects != NULL)
    berth_guest_unplug_back_ends(qmp, objects);
}

/* The definition's part of a change whose command has died; nothing if the definition has changed so that it does not fit. */
typedef struct {
  BerthLibConfig config;
  BerthXmlDocument *fragment;
  BerthXmlDocument *was; /* what runs of it yet; NULL: nothing */
  gboolean wanted;
} Half;

static void half_clear(Half *half) {
  g_clear_pointer(&half->fragment, berth_xml_document_free);
  g_clear_pointer(&half->was, berth_xml_document_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Half, half_clear)

/* A device that is defined otherwise than it runs would lose what is only defined of it. */
static BerthXmlDocument *as_it_becomes(const BerthPlan *plan, gconstpointer data, GError **error) {
  const Half *half = data;
  const BerthDevice *device = berth_lib_live_find(plan, half->fragment, error);
  if (device == NULL)
    return NULL;
  g_autofree char *name = berth_model_device_name(device);
  g_auto(GStrv) differences =
      device->node != NULL && half->was != NULL ? berth_lib_event_changed(name, half->was->root, device->node) : NULL;
  if (differences != NULL && differences[0] == NULL)
    return berth_xml_document_parse(half->fragment->bytes, half->fragment->file, error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT, "%s: is defined otherwise than it runs", name);
  return NULL;
}

static const struct {
  const char *state, *command;
  gboolean adds, removes;
} halves[] = {
    {BERTH_STORE_ATTACHING_BOTH, "attach-device", TRUE, FALSE},
    {BERTH_STORE_UNPLUGGING_BOTH, "detach-device", FALSE, TRUE},
    {BERTH_STORE_UPDATING_BOTH, "update-device", TRUE, TRUE},
};

static void half_init(Half *half, Berth *berth, const BerthStoreGuest *guest, const BerthStoreChange *change) {
  for (gsize i = 0; i < G_N_ELEMENTS(halves); i++) {
    if (!g_str_equal(halves[i].state, change->state))
      continue;
    gboolean both = halves[i].adds && halves[i].removes;
    g_autoptr(GBytes) runs = halves[i].removes ? berth_lib_live_element(guest->run.document, change->device) : NULL;
    GBytes *xml = change->xml != NULL ? change->xml : runs;
    half->fragment = xml != NULL ? berth_lib_config_fragment(xml, guest->name, NULL) : NULL;
    half->was = runs != NULL ? berth_lib_config_fragment(runs, guest->name, NULL) : NULL;
    half->config = (BerthLibConfig){.berth = berth,
                                    .uuid = guest->uuid,
                                    .command = *change->command != '\0' ? change->command : halves[i].command,
                                    .add = halves[i].adds && !both ? half->fragment : NULL,
                                    .remove = halves[i].removes && !both ? half->fragment : NULL,
                                    .changed = both ? as_it_becomes : NULL,
                                    .data = half,
                                    .run = &guest->run};
    half->wanted = half->fragment != NULL && berth_lib_config_change(NULL, &half->config, NULL);
  }
}

static gboolean is_half(const BerthStoreChange *change) {
  for (gsize i = 0; i < G_N_ELEMENTS(halves); i++)
    if (g_str_equal(halves[i].state, change->state))
      return TRUE;
  return FALSE;
}

static gboolean finish(Berth *berth, const BerthStoreGuest *guest, const BerthStoreChange *change, GError **error) {
  g_auto(Half) half = {0};
  half_init(&half, berth, guest, change);
  return berth_lib_live_commit(berth, guest->uuid, &guest->run, change->device, change->xml,
                               half.wanted ? berth_lib_config_change : NULL, &half.config, error);
}

static gboolean has_gone(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const BerthStoreChange *change,
                         GError **error) {
  g_autoptr(BerthPlan) plan = berth_lib_live_stored(guest, NULL, error);
  if (plan == NULL)
    return FALSE;
  gboolean owed = berth_qmp_unsure(qmp);
  drop_back_ends(berth, qmp, guest, plan, change->device);
  /* The change stays on record, so that somebody comes back for the back ends. */
  if (berth_qmp_broken(qmp) != NULL) {
    g_propagate_error(error, g_error_copy(berth_qmp_broken(qmp)));
    return FALSE;
  }
  if (!owed && berth_qmp_unsure(qmp)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED,
                "guest '%s': QEMU has not answered what it has done with the back ends of %s", guest->name, change->device);
    return FALSE;
  }
  return finish(berth, guest, change, error);
}

char *berth_lib_live_bus(const BerthPlan *plan, const BerthDevice *device) {
  const BerthFamily *family = berth_families_find(berth_families, device->address.type);
  g_autoptr(json_object) props = json_object_new_object();
  if (family == NULL || family->properties == NULL)
    return NULL;
  family->properties(plan->inventory, device, props);
  return g_strdup(berth_json_member_string(props, "bus"));
}

/* Whether a guest can make @device go without being asked: itself, or with the controller that it is on. */
static gboolean may_go(BerthQmp *qmp, const BerthPlan *plan, const BerthDevice *device, gboolean *may, GError **error) {
  const BerthFamily *family = berth_families_find(berth_families, device->address.type);
  gboolean there = TRUE;
  *may = family != NULL && family->ejectable;
  g_autofree char *bus = !*may ? berth_lib_live_bus(plan, device) : NULL;
  if (bus == NULL)
    return TRUE;
  bus[strcspn(bus, ".")] = '\0';
  if (!berth_guest_has_device(qmp, bus, &there, error))
    return FALSE;
  *may = !there;
  return TRUE;
}

static gboolean gone_by_itself(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const char *id, GError **error) {
  const BerthStoreChange change = {.device = (char *)id, .state = (char *)""};
  gboolean may = FALSE;
  g_autoptr(BerthPlan) plan = berth_lib_live_stored(guest, NULL, error);
  if (plan == NULL)
    return FALSE;
  const BerthDevice *device = berth_lib_live_device(plan, id);
  if (device == NULL)
    return TRUE;
  return may_go(qmp, plan, device, &may, error) && (!may || has_gone(berth, qmp, guest, &change, error));
}

gboolean berth_lib_live_gone(Berth *berth, BerthQmp *qmp, const char *uuid, const char *id, GError **error) {
  g_autoptr(GPtrArray) changes = berth_store_changes(berth->store, uuid, error);
  if (changes == NULL)
    return FALSE;
  const BerthStoreChange *change = berth_store_changes_find(changes, id);
  gboolean there = FALSE;
  if (change != NULL && change->xml != NULL)
    return TRUE;
  if (!berth_guest_has_device(qmp, id, &there, error) || there)
    return there;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(berth->store, uuid, error);
  if (guest == NULL || guest->run.document == NULL)
    return guest != NULL;
  return change != NULL ? has_gone(berth, qmp, guest, change, error) : gone_by_itself(berth, qmp, guest, id, error);
}

gboolean berth_lib_live_gone_all(Berth *berth, BerthQmp *qmp, const char *uuid, GError **error) {
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(berth->store, uuid, error);
  g_autoptr(BerthPlan) plan = guest != NULL && guest->run.document != NULL ? berth_lib_live_stored(guest, NULL, error) : NULL;
  g_autoptr(GPtrArray) places =
      plan != NULL ? berth_guest_read_back(qmp, plan->inventory, berth_families, NULL, BERTH_GUEST_COMMAND_TIMEOUT_MS, error)
                   : NULL;
  if (places == NULL)
    return FALSE;
  /* What is on a controller goes before it. */
  for (gint controllers = FALSE; controllers <= TRUE; controllers++)
    for (guint i = 0; i < places->len; i++) {
      const BerthPlace *place = g_ptr_array_index(places, i);
      const BerthDevice *device =
          place->state == BERTH_PLACE_MISSING ? g_ptr_array_index(plan->inventory->devices, place->device) : NULL;
      if (device != NULL && (device->element->id == BERTH_CONTROLLER) == controllers &&
          !berth_lib_live_gone(berth, qmp, uuid, place->id, error))
        return FALSE;
    }
  return TRUE;
}

/* Whoever asks right now, for both definitions, sees the refusal itself. */
static gboolean is_waited_for(Berth *berth, const char *uuid, const char *id, gboolean *waits, GError **error) {
  g_autoptr(GPtrArray) changes = berth_store_changes(berth->store, uuid, error);
  const BerthStoreChange *change = berth_store_changes_find(changes, id);
  *waits = change != NULL && change->xml == NULL && !is_half(change);
  return changes != NULL;
}

gboolean berth_lib_live_refused(Berth *berth, const char *uuid, const BerthStoreRun *run, const char *id, GError **error) {
  gboolean waits = FALSE;
  if (!is_waited_for(berth, uuid, id, &waits, error))
    return FALSE;
  if (!waits)
    return TRUE;
  /* Once more: whoever has heard the refusal, too, may just have dropped the request. */
  g_autoptr(BerthStoreWrite) write = berth_store_write_begin_brief(berth->store, error);
  g_autoptr(BerthStoreGuest) guest = write != NULL ? berth_store_guest(berth->store, uuid, error) : NULL;
  if (guest == NULL || !is_waited_for(berth, uuid, id, &waits, error))
    return FALSE;
  return !waits || (write_row(berth, write, guest, run, id, BERTH_STORE_REFUSED, NULL, NULL, error) &&
                    berth_store_write_commit(g_steal_pointer(&write), error));
}

/* It never came: its back ends may have. */
static gboolean never_came(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const BerthStoreChange *change,
                           GError **error) {
  g_autoptr(BerthXmlDocument) fragment = berth_xml_document_parse(change->xml, guest->name, NULL);
  BerthXmlDocument *with = fragment != NULL ? berth_lib_live_add(guest->run.document, guest->name, fragment->root, NULL) : NULL;
  g_autoptr(BerthPlan) plan = berth_lib_live_plan(with, NULL, NULL, NULL, NULL);
  if (plan != NULL)
    drop_back_ends(berth, qmp, guest, plan, change->device);
  return berth_lib_live_drop(berth, guest->uuid, &guest->run, change->device, error);
}

/* Whoever was about to ask the guest has died, perhaps before: so it is asked now. */
static gboolean ask_again(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const BerthStoreChange *change,
                          GError **error) {
  g_auto(Half) half = {0};
  gboolean there = TRUE;
  half_init(&half, berth, guest, change);
  berth_guest_unplug(qmp, change->device, NULL);
  /* What needs no guest goes at once. */
  BerthUnplug said = berth_guest_await_unplug(qmp, change->device, AT_ONCE_MS);
  if (!berth_guest_has_device(qmp, change->device, &there, error))
    return FALSE;
  if (!there)
    return has_gone(berth, qmp, guest, change, error);
  if (said == BERTH_UNPLUG_REFUSED)
    return berth_lib_live_drop(berth, guest->uuid, &guest->run, change->device, error);
  return berth_lib_live_note(berth, guest->uuid, &guest->run, change->device, BERTH_STORE_UNPLUGGING, NULL, NULL,
                             half.wanted ? berth_lib_config_change : NULL, &half.config, error);
}

static gboolean is_update(const BerthStoreChange *change) {
  return g_str_equal(change->state, BERTH_STORE_UPDATING) || g_str_equal(change->state, BERTH_STORE_UPDATING_BOTH);
}

/* An update is done again: that changes nothing where it was done already. If it cannot be, the device is as it was. */
static gboolean update_again(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const BerthStoreChange *change,
                             GError **error) {
  if (berth_lib_update_again(berth, qmp, guest, change->device, change->xml))
    return finish(berth, guest, change, error);
  return berth_lib_live_drop(berth, guest->uuid, &guest->run, change->device, error);
}

static gboolean resolve(Berth *berth, BerthQmp *qmp, const BerthStoreGuest *guest, const BerthStoreChange *change, GError **error) {
  gboolean there = FALSE;
  if (g_str_equal(change->device, BERTH_LIB_VCPUS))
    return berth_lib_vcpus_again(berth, qmp, guest, change, error);
  if (is_update(change))
    return update_again(berth, qmp, guest, change, error);
  if (!berth_guest_has_device(qmp, change->device, &there, error))
    return FALSE;
  if (change->xml != NULL)
    return there ? finish(berth, guest, change, error) : never_came(berth, qmp, guest, change, error);
  if (!there)
    return has_gone(berth, qmp, guest, change, error);
  if (is_half(change))
    return ask_again(berth, qmp, guest, change, error);
  if (g_str_equal(change->state, BERTH_STORE_REFUSED))
    return berth_lib_live_drop(berth, guest->uuid, &guest->run, change->device, error);
  /* Who has recorded the request may have been killed before QEMU heard of it. QEMU refuses one that it has heard of. */
  if (!berth_guest_unplug(qmp, change->device, NULL))
    return TRUE;
  return berth_guest_has_device(qmp, change->device, &there, error) && (there || has_gone(berth, qmp, guest, change, error));
}

gboolean berth_lib_live_forget(Berth *berth, BerthQmp *qmp, const char *uuid, const char *id, GError **error) {
  g_autoptr(GPtrArray) changes = berth_store_changes(berth->store, uuid, error);
  const BerthStoreChange *change = changes != NULL ? berth_store_changes_find(changes, id) : NULL;
  gboolean there = FALSE;
  if (change == NULL || change->xml != NULL || is_half(change))
    return changes != NULL;
  g_autoptr(BerthStoreGuest) guest = berth_store_guest(berth->store, uuid, error);
  if (guest == NULL || !berth_guest_has_device(qmp, id, &there, error))
    return FALSE;
  return there ? berth_lib_live_drop(berth, uuid, &guest->run, id, error) : has_gone(berth, qmp, guest, change, error);
}

gboolean berth_lib_live_resolve(Berth *berth, BerthQmp *qmp, const char *uuid, GError **error) {
  g_autoptr(GPtrArray) changes = berth_store_changes(berth->store, uuid, error);
  if (changes == NULL)
    return FALSE;
  for (guint i = 0; i < changes->len; i++) {
    const BerthStoreChange *change = g_ptr_array_index(changes, i);
    g_autoptr(BerthStoreGuest) guest = berth_store_guest(berth->store, uuid, error);
    if (guest == NULL || !resolve(berth, qmp, guest, change, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- a running guest ---- */

void berth_lib_live_clear(BerthLibLive *live) {
  g_clear_pointer(&live->plan, berth_plan_free);
  g_clear_pointer(&live->facts, berth_facts_free);
  g_clear_pointer(&live->control, berth_qmp_free);
  g_clear_pointer(&live->guest, berth_store_guest_free);
  g_clear_pointer(&live->lock, berth_host_lock_free);
}

static gboolean same_hardware(const BerthStoreRun *a, const BerthStoreRun *b) {
  return a->document != NULL && b->document != NULL && g_bytes_equal(a->document, b->document) &&
         g_strcmp0(a->record, b->record) == 0;
}

gboolean berth_lib_live_refresh(BerthLibLive *live, GError **error) {
  g_autoptr(BerthStoreGuest) before = live->guest;
  BerthStoreGuest *guest = live->guest = berth_store_guest(live->berth->store, before->uuid, error);
  if (guest == NULL)
    return FALSE;
  if (live->plan != NULL && same_hardware(&guest->run, &before->run))
    return TRUE;
  g_clear_pointer(&live->plan, berth_plan_free);
  if (guest->run.document == NULL || guest->run.record == NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': has ended meanwhile", guest->name);
    return FALSE;
  }
  live->plan = berth_lib_live_stored(guest, live->facts, error);
  return live->plan != NULL;
}

gboolean berth_lib_live_sure(BerthLibLive *live) {
  if (!berth_qmp_unsure(live->control))
    return TRUE;
  /* First the old one: QEMU serves one client at a time. */
  berth_qmp_free(live->control);
  g_autofree char *path = berth_guest_control_path(live->guest->run.run_dir);
  live->control = berth_qmp_connect(path, CONNECT_MS, NULL);
  return live->control != NULL;
}

gboolean berth_lib_live_open(BerthLibLive *live, Berth *berth, const char *guest, GError **error) {
  live->berth = berth;
  live->guest = berth_lib_guest_locked(berth, guest, &live->lock, error);
  if (live->guest == NULL)
    return FALSE;
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(&live->guest->run);
  if (qemu == NULL) {
    if (berth_lib_settle(berth, live->guest, NULL, NULL, error))
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': is not running", live->guest->name);
    return FALSE;
  }
  /* A change goes on without one, too. */
  gboolean watched = berth_lib_supervisor_lives(&live->guest->run);
  if (!watched)
    berth_lib_adopt(berth, live->guest, NULL);
  /* While it greets, what runs is planned; seldom is it something else afterwards. */
  g_autofree char *path = berth_guest_control_path(live->guest->run.run_dir);
  live->control = berth_qmp_begin(path, CONNECT_MS, error);
  if (live->control == NULL || !berth_lib_live_refresh(live, error))
    return FALSE;
  /* Without the binary that the guest was started from, QEMU itself says what it lacks. */
  live->facts = berth_lib_facts(berth->env, berth_xml_node_get(live->plan->inventory->document->root, "devices/emulator"), NULL);
  return berth_qmp_ready(live->control, error) && berth_lib_live_resolve(berth, live->control, live->guest->uuid, error) &&
         (watched || berth_lib_live_gone_all(berth, live->control, live->guest->uuid, error)) &&
         berth_lib_trays(berth, live->control, live->guest->uuid, error) &&
         berth_lib_vcpus_settle(berth, live->control, live->guest->uuid, FALSE, error) && berth_lib_live_refresh(live, error);
}

GBytes *berth_dumpxml_live(Berth *berth, const char *guest, GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  g_autoptr(BerthProcess) qemu = found != NULL ? berth_lib_run_process(&found->run) : NULL;
  if (qemu != NULL && found->run.document != NULL)
    return g_bytes_ref(found->run.document);
  if (found != NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': is not running", found->name);
  return NULL;
}
