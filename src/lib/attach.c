/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/update.h"

#include "document/document.h"
#include "families/families.h"
#include "guest/prepare.h"
#include "kinds/kinds.h"
#include "xml/splice.h"

#define READ_BACK_MS 30000

/* A device on its way into a running guest. */
typedef struct {
  BerthLibLive *live;
  const BerthXmlDocument *fragment;
  BerthPlan *plan;       /* with the device */
  BerthDevice *device;   /* of that plan */
  GBytes *xml;           /* its element with alias and address */
  BerthLibLiveNext next; /* what the guest has when it is there */
  gboolean both;         /* it comes to the definition, too */
  gboolean dry;          /* nothing is to be changed */
} Coming;

static void coming_clear(Coming *coming) {
  g_clear_pointer(&coming->plan, berth_plan_free);
  g_clear_pointer(&coming->xml, g_bytes_unref);
  berth_lib_live_next_clear(&coming->next);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Coming, coming_clear)

/* What the guest would have at its next start is left free, and given to a device that is the same; one that comes to the
 * definition as well is none of those that are there already. */
static BerthRecord *memory_of(const BerthLibLive *live, gboolean both, GError **error) {
  g_autoptr(BerthStoreRevision) newest = berth_store_revision(live->berth->store, live->guest->uuid, 0, error);
  g_autoptr(BerthRecord) defined = newest != NULL ? berth_record_parse(newest->record, -1, live->guest->name, error) : NULL;
  BerthRecord *record = defined != NULL ? berth_record_parse(live->guest->run.record, -1, live->guest->name, error) : NULL;
  if (record != NULL && both)
    berth_lib_live_hold(record, defined);
  else if (record != NULL)
    berth_lib_live_reserve(record, defined);
  return record;
}

static BerthPlan *plan_with(const Coming *coming, GError **error) {
  const BerthLibLive *live = coming->live;
  g_autofree char *file = berth_lib_live_file(live->guest->name);
  g_autoptr(BerthRecord) record = memory_of(live, coming->both, error);
  BerthXmlDocument *with =
      record != NULL ? berth_lib_live_add(live->guest->run.document, file, coming->fragment->root, error) : NULL;
  return berth_lib_live_plan(with, record, live->facts, NULL, error);
}

/* The device that has a node in the new plan and is not in the old one; *@other: the first that the plan added besides. */
static BerthDevice *find_new(const BerthPlan *before, const BerthPlan *plan, BerthDevice **other) {
  BerthDevice *found = NULL;
  *other = NULL;
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (device->id == NULL || berth_lib_live_device(before, device->id) != NULL)
      continue;
    if (device->node != NULL)
      found = device;
    else if (*other == NULL)
      *other = device;
  }
  return found;
}

static gboolean busy(const BerthLibLive *live, const BerthDevice *leaving, GError **error) {
  g_autofree char *name = berth_model_device_name(leaving);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': %s is still being unplugged, the guest has not let go of it",
              live->guest->name, name);
  return FALSE;
}

/* A device that the guest has not let go of yet cannot come again. */
static gboolean check_leaving(const BerthLibLive *live, const BerthXmlDocument *fragment, GError **error) {
  g_autoptr(GPtrArray) changes = berth_store_changes(live->berth->store, live->guest->uuid, error);
  if (changes == NULL)
    return FALSE;
  for (guint i = 0; i < changes->len; i++) {
    const BerthStoreChange *change = g_ptr_array_index(changes, i);
    const BerthDevice *leaving = berth_lib_live_device(live->plan, change->device);
    if (leaving != NULL && change->xml == NULL && berth_lib_live_names(leaving, fragment))
      return busy(live, leaving, error);
  }
  return TRUE;
}

static gboolean no_room(const BerthLibLive *live, const BerthDevice *added, GError **error) {
  g_autofree char *name = berth_model_device_name(added);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NO_ROOM,
              "guest '%s': there is no room: %s would be needed, which cannot be plugged while the guest runs; "
              "attach the device with --config, and start the guest again",
              live->guest->name, name);
  return FALSE;
}

static gboolean unsupported(const BerthLibLive *live, const char *name, const char *why, GError **error) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "guest '%s': %s: %s; attach it with --config, and start the guest again",
              live->guest->name, name, why);
  return FALSE;
}

static gboolean check_place(const BerthLibLive *live, const BerthPlan *plan, const BerthDevice *device, GError **error) {
  const BerthFamily *family = berth_families_find(berth_families, device->address.type);
  g_autofree char *why = g_strdup(berth_kinds_immovable(device));
  if (why == NULL && family != NULL && family->immovable != NULL)
    why = family->immovable(plan->inventory, device);
  if (why == NULL)
    return TRUE;
  g_autofree char *name = berth_model_device_name(device);
  return unsupported(live, name, why, error);
}

/* What will be recorded. If it cannot be planned, recording it will say why. */
static void plan_next(gpointer data) {
  Coming *coming = data;
  BerthLibLive *live = coming->live;
  berth_lib_live_next_clear(&coming->next);
  berth_lib_live_next(live->berth, live->guest, coming->device->id, FALSE, coming->xml, &coming->next, NULL);
}

/* QEMU has it where it was told? */
static gboolean verify(Coming *coming, GError **error) {
  const BerthLibLive *live = coming->live;
  BerthInventory *inventory = coming->plan->inventory;
  guint index = 0;
  if (!g_ptr_array_find(inventory->devices, coming->device, &index))
    return TRUE;
  g_autoptr(BerthPlace) place =
      berth_guest_read_back_one(live->control, inventory, index, berth_families, plan_next, coming, READ_BACK_MS, error);
  if (place == NULL || place->state == BERTH_PLACE_OK || place->state == BERTH_PLACE_BUILTIN)
    return place != NULL;
  g_autofree char *name = berth_model_device_name(coming->device);
  g_autofree char *wanted = berth_model_address_to_string(&coming->device->address);
  gboolean missing = place->state == BERTH_PLACE_MISSING;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_DRIFT, "guest '%s': %s was to be at %s, QEMU has it %s%s", live->guest->name, name,
              wanted, missing ? "not at all" : "on ",
              missing              ? ""
              : place->bus != NULL ? place->bus
                                   : "no bus");
  return FALSE;
}

/* <os><boot dev> is about the devices that were there when firmware looked; QEMU takes each number once. */
static void drop_boot_index(const BerthQemu *objects, const BerthDevice *device) {
  for (guint i = 0; i < objects->objects->len && berth_model_device_get(device, "boot/@order") == NULL; i++) {
    const BerthQemuObject *object = g_ptr_array_index(objects->objects, i);
    if (object->form == BERTH_QEMU_DEVICE)
      json_object_object_del(object->props, "bootindex");
  }
}

/* The last answer was lost: did the device come? Where QEMU says nothing any more, that is left to the next command. */
static gboolean came(BerthLibLive *live, const char *id) {
  gboolean there = FALSE;
  if (!berth_lib_live_sure(live) || !berth_guest_has_device(live->control, id, &there, NULL))
    return FALSE;
  if (!there)
    berth_lib_live_resolve(live->berth, live->control, live->guest->uuid, NULL);
  return there;
}

/* With the files that the device needs, and helpers, which end when QEMU closes their sockets. */
static gboolean give_all(BerthLibLive *live, const BerthQemu *objects, GError **error) {
  GPtrArray *helpers = berth_guest_prepare(objects, -1, BERTH_GUEST_HELPERS_MS, error);
  if (helpers == NULL)
    return FALSE;
  gboolean done =
      berth_lib_owner_give_running(live->berth, live->guest, objects, error) && berth_guest_plug(live->control, objects, error);
  if (!done && !berth_qmp_unsure(live->control))
    berth_guest_end_helpers(helpers);
  else
    g_ptr_array_unref(helpers);
  return done;
}

static gboolean give(BerthLibLive *live, const BerthQemu *objects, const char *id, GError **error) {
  g_autoptr(GError) failure = NULL;
  const BerthStoreGuest *guest = live->guest;
  if (give_all(live, objects, &failure))
    return TRUE;
  if (!berth_qmp_unsure(live->control))
    berth_lib_live_drop(live->berth, guest->uuid, &guest->run, id, NULL);
  else if (came(live, id))
    return TRUE;
  g_propagate_prefixed_error(error, g_steal_pointer(&failure), "guest '%s': ", guest->name);
  return FALSE;
}

/* QEMU has it. If the definition does not take it any more, what runs is recorded all the same. */
static gboolean commit(const Coming *coming, BerthLibLiveAlso also, gpointer data, GError **error) {
  const BerthStoreGuest *guest = coming->live->guest;
  const char *id = coming->device->id;
  g_autoptr(GError) failure = NULL;
  if (berth_lib_live_commit_next(coming->live->berth, guest->uuid, &guest->run, id, coming->xml, &coming->next, also, data,
                                 &failure))
    return TRUE;
  if (also != NULL && berth_lib_live_commit(coming->live->berth, guest->uuid, &guest->run, id, coming->xml, NULL, NULL, NULL)) {
    g_autofree char *name = berth_model_device_name(coming->device);
    g_prefix_error(&failure, "guest '%s': %s is attached while the guest runs, but its definition stays as it is: ", guest->name,
                   name);
  }
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

/* Recorded as coming, given to QEMU, read back, recorded as there. */
static gboolean plug(Coming *coming, BerthLibLiveAlso also, gpointer data, GError **error) {
  BerthLibLive *live = coming->live;
  const BerthStoreGuest *guest = live->guest;
  const char *id = coming->device->id;
  g_autoptr(BerthQemu) objects = berth_lib_live_build(live->berth, guest, live->facts, coming->plan, coming->device, error);
  if (objects == NULL || !berth_guest_check_needs(objects, error))
    return FALSE;
  drop_boot_index(objects, coming->device);
  if (coming->dry)
    return TRUE;
  const char *state = also != NULL ? BERTH_STORE_ATTACHING_BOTH : BERTH_STORE_ATTACHING;
  if (!berth_lib_live_note(live->berth, guest->uuid, &guest->run, id, state, live->command, coming->xml, NULL, NULL, error))
    return FALSE;
  if (!give(live, objects, id, error))
    return FALSE;
  if (!verify(coming, error)) {
    if (berth_lib_live_sure(live)) {
      berth_guest_unplug(live->control, id, NULL);
      berth_lib_live_resolve(live->berth, live->control, guest->uuid, NULL);
    }
    return FALSE;
  }
  return commit(coming, also, data, error);
}

/* Whether QEMU takes what is behind the device: given, and taken back. */
static gboolean try_back_ends(Coming *coming, GError **error) {
  BerthLibLive *live = coming->live;
  const BerthStoreGuest *guest = live->guest;
  const char *id = coming->device->id;
  g_autoptr(BerthQemu) objects = berth_lib_live_build(live->berth, guest, live->facts, coming->plan, coming->device, error);
  if (objects == NULL || !berth_guest_check_needs(objects, error))
    return FALSE;
  if (coming->dry)
    return TRUE;
  for (guint i = objects->objects->len; i-- > 0;)
    if (((const BerthQemuObject *)g_ptr_array_index(objects->objects, i))->form == BERTH_QEMU_DEVICE)
      g_ptr_array_remove_index(objects->objects, i);
  if (!berth_lib_live_note(live->berth, guest->uuid, &guest->run, id, BERTH_STORE_ATTACHING, live->command, coming->xml, NULL, NULL,
                           error) ||
      !give(live, objects, id, error))
    return FALSE;
  berth_guest_unplug_back_ends(live->control, objects);
  return berth_lib_live_drop(live->berth, guest->uuid, &guest->run, id, error);
}

/* Plans the device; *@other is what it needs besides. */
static gboolean prepare(Coming *coming, BerthDevice **other, GError **error) {
  BerthLibLive *live = coming->live;
  coming_clear(coming);
  if (!check_leaving(live, coming->fragment, error))
    return FALSE;
  g_autoptr(GError) failure = NULL;
  coming->plan = plan_with(coming, &failure);
  if (coming->plan == NULL) {
    gboolean full = g_error_matches(failure, BERTH_ERROR, BERTH_ERROR_NO_ROOM);
    const char *why = berth_lib_live_unpluggable(coming->fragment);
    if (why != NULL)
      return unsupported(live, coming->fragment->root->name, why, error);
    if (full)
      g_prefix_error(&failure, "no place is free that it can be plugged into while the guest runs: ");
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  coming->device = find_new(live->plan, coming->plan, other);
  if (coming->device == NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_CONFLICT, "guest '%s': has a device of that id already", live->guest->name);
    return FALSE;
  }
  if (berth_kinds_immovable(coming->device) != NULL || *other == NULL)
    return check_place(live, coming->plan, coming->device, error);
  return TRUE;
}

static gboolean finish_plan(Coming *coming, BerthDevice *device) {
  berth_model_device_set(device, "alias/@name", device->id);
  g_autoptr(GBytes) document = berth_plan_document(coming->plan);
  g_clear_pointer(&coming->xml, g_bytes_unref);
  coming->xml = berth_lib_live_element(document, device->id);
  return coming->xml != NULL;
}

/* A controller that the device needs comes first, and stays, as it does when a definition needs it. */
static gboolean plug_needed(Coming *coming, BerthDevice *needed, GError **error) {
  BerthLibLive *live = coming->live;
  if (needed->element->id != BERTH_CONTROLLER || berth_kinds_immovable(needed) != NULL)
    return no_room(live, needed, error);
  if (!check_place(live, coming->plan, needed, error))
    return FALSE;
  g_auto(Coming) first = {.live = live, .both = coming->both, .dry = coming->dry};
  if (!finish_plan(coming, needed))
    return no_room(live, needed, error);
  g_autoptr(BerthXmlDocument) fragment = berth_xml_document_parse(coming->xml, live->guest->name, error);
  BerthDevice *other = NULL;
  first.fragment = fragment;
  return fragment != NULL && prepare(&first, &other, error) && finish_plan(&first, first.device) &&
         plug(&first, NULL, NULL, error) && (coming->dry || berth_lib_live_refresh(live, error));
}

/* What the plan adds: the device, and what it needs. */
static void tell(const Coming *coming, GPtrArray **rows) {
  *rows = g_ptr_array_new_with_free_func((GDestroyNotify)berth_row_free);
  for (guint i = 0; i < coming->plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(coming->plan->inventory->devices, i);
    if (device->id != NULL && berth_lib_live_device(coming->live->plan, device->id) == NULL)
      g_ptr_array_add(*rows, berth_lib_row_new(coming->plan, device));
  }
}

/* The device with its place, as the definition takes it; it is still where its user wrote it. */
static BerthXmlDocument *as_defined(const Coming *coming, GError **error) {
  g_autoptr(BerthXmlDocument) document = berth_document_rewrite(coming->plan, error);
  const BerthXmlNode *node = document != NULL ? berth_lib_live_node(document, coming->device->id) : NULL;
  return node != NULL ? berth_lib_config_element(berth_xml_node_document(node, coming->fragment->file, error), error) : NULL;
}

/* Would the definition take the device with the place that it has while the guest runs? *@placed: that, which @config borrows from
 * then on. */
static gboolean take_placed(const Coming *coming, BerthLibConfig *config, BerthXmlDocument **placed, GError **error) {
  *placed = as_defined(coming, error);
  if (*placed == NULL)
    return FALSE;
  config->add = *placed;
  config->rule = coming->device->rule;
  config->facts = coming->live->facts;
  config->run = &coming->live->guest->run;
  return berth_lib_config_change(NULL, config, error);
}

static gboolean finish_device(Coming *coming, GError **error) {
  if (finish_plan(coming, coming->device))
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': the device is not in its own plan", coming->live->guest->name);
  return FALSE;
}

/* A controller that comes for the device stays; so all else that could be in its way is looked at before. */
static gboolean try_first(Coming *coming, const BerthLibConfig *config, GError **error) {
  g_autoptr(BerthXmlDocument) placed = NULL;
  BerthLibConfig trial = config != NULL ? *config : (BerthLibConfig){0};
  return finish_device(coming, error) && (config == NULL || take_placed(coming, &trial, &placed, error)) &&
         try_back_ends(coming, error);
}

/* What the device needs comes first; a dry run only looks whether it could. */
static gboolean make_ready(Coming *coming, const BerthLibConfig *config, GPtrArray **rows, GError **error) {
  BerthDevice *needed = NULL;
  do {
    if (!prepare(coming, &needed, error))
      return FALSE;
    gboolean first = *rows == NULL;
    if (first)
      tell(coming, rows);
    if (needed != NULL && ((first && !try_first(coming, config, error)) || !plug_needed(coming, needed, error)))
      return FALSE;
  } while (needed != NULL && !coming->dry);
  return finish_device(coming, error);
}

static gboolean attach_live(BerthLibLive *live, const BerthXmlDocument *fragment, BerthLibConfig *config, gboolean dry,
                            GPtrArray **rows, GError **error) {
  g_auto(Coming) coming = {.live = live, .fragment = fragment, .both = config != NULL, .dry = dry};
  g_autoptr(BerthXmlDocument) placed = NULL;
  if (!make_ready(&coming, config, rows, error))
    return FALSE;
  if (config == NULL)
    return plug(&coming, NULL, NULL, error);
  return take_placed(&coming, config, &placed, error) && plug(&coming, berth_lib_config_change, config, error);
}

gboolean berth_lib_attach_check(BerthLibLive *live, const BerthXmlDocument *fragment, GError **error) {
  g_autoptr(GPtrArray) rows = NULL;
  return attach_live(live, fragment, NULL, TRUE, &rows, error);
}

gboolean berth_lib_scope(Berth *berth, const char *guest, guint flags, gboolean *live, gboolean *config, char **uuid,
                         GError **error) {
  g_autoptr(BerthStoreGuest) found = berth_store_guest(berth->store, guest, error);
  if (found == NULL)
    return FALSE;
  g_autoptr(BerthProcess) qemu = berth_lib_run_process(&found->run);
  gboolean runs = qemu != NULL, current = (flags & (BERTH_CHANGE_LIVE | BERTH_CHANGE_CONFIG)) == 0;
  /* As virsh: persistent is what runs and the definition, whatever else is said. */
  *live = (flags & BERTH_CHANGE_LIVE) != 0 || (runs && (current || (flags & BERTH_CHANGE_PERSISTENT) != 0));
  *config = (flags & (BERTH_CHANGE_CONFIG | BERTH_CHANGE_PERSISTENT)) != 0 || (current && !runs);
  *uuid = g_strdup(found->uuid);
  if (!*live || runs)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_USAGE, "guest '%s': is not running; --config changes its definition", found->name);
  return FALSE;
}

/* An alias is the running guest's affair, unless it is the user's own. */
static BerthXmlDocument *clean(GBytes *xml, const char *file, GError **error) {
  g_autoptr(BerthXmlDocument) fragment = berth_lib_live_fragment(xml, file, error);
  return fragment != NULL ? berth_lib_config_fragment(fragment->bytes, file, error) : NULL;
}

gboolean berth_lib_attach(Berth *berth, const char *guest, const BerthXmlDocument *fragment, const char *command, guint flags,
                          GPtrArray **rows, GError **error) {
  gboolean live = FALSE, config = FALSE, dry = (flags & BERTH_CHANGE_DRY_RUN) != 0;
  g_autofree char *uuid = NULL;
  g_autoptr(GPtrArray) come = NULL;
  if (!berth_lib_scope(berth, guest, flags, &live, &config, &uuid, error))
    return FALSE;
  BerthLibConfig change = {.berth = berth, .uuid = uuid, .command = command, .add = fragment};
  if (live) {
    g_auto(BerthLibLive) running = {.command = command};
    if (!berth_lib_live_open(&running, berth, uuid, error) ||
        !attach_live(&running, fragment, config ? &change : NULL, dry, &come, error))
      return FALSE;
  } else if (!berth_lib_config_alone(&change, dry, &come, error))
    return FALSE;
  if (rows != NULL)
    *rows = g_steal_pointer(&come);
  return TRUE;
}

gboolean berth_attach_device(Berth *berth, const char *guest, GBytes *xml, const char *file, guint flags, GPtrArray **rows,
                             GError **error) {
  g_autoptr(BerthXmlDocument) fragment = clean(xml, file, error);
  return fragment != NULL && berth_lib_attach(berth, guest, fragment, "attach-device", flags, rows, error);
}
