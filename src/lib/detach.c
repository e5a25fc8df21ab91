/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/update.h"

#include <string.h>

#include "families/families.h"
#include "guest/control.h"
#include "guest/launch.h"
#include "kinds/kinds.h"

#define AT_ONCE_MS 300u
#define STEP_MS 20u
#define ASK_EVERY_MS 1000u
#define CONNECT_MS 2000

/* A device that sits on a bus of @controller; NULL: there is none. */
static const BerthDevice *passenger(const BerthPlan *plan, const BerthDevice *controller) {
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    g_autofree char *bus = device != controller ? berth_lib_live_bus(plan, device) : NULL;
    gsize length = strlen(controller->id);
    if (bus != NULL && g_str_has_prefix(bus, controller->id) && (bus[length] == '.' || bus[length] == '\0'))
      return device;
  }
  return NULL;
}

static gboolean check(const BerthLibLive *live, const BerthDevice *device, GError **error) {
  const BerthFamily *family = berth_families_find(berth_families, device->address.type);
  const BerthDevice *on_it = device->element->id == BERTH_CONTROLLER ? passenger(live->plan, device) : NULL;
  g_autofree char *why = g_strdup(berth_kinds_immovable(device));
  if (why == NULL && family != NULL && family->immovable != NULL)
    why = family->immovable(live->plan->inventory, device);
  if (why == NULL && on_it == NULL)
    return TRUE;
  g_autofree char *name = berth_model_device_name(device);
  g_autofree char *other = on_it != NULL ? berth_model_device_name(on_it) : NULL;
  if (why != NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED,
                "guest '%s': %s: %s; detach it with --config, and start the guest again", live->guest->name, name, why);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': %s: %s is on it; detach that first", live->guest->name, name,
                other);
  return FALSE;
}

/* A request whose answer was lost is made again: QEMU says whether it has it, or whether the device is gone. */
static gboolean unplug(BerthLibLive *live, const char *id, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (berth_guest_unplug(live->control, id, &failure))
    return TRUE;
  gboolean again = berth_qmp_unsure(live->control), there = FALSE;
  if (again && berth_lib_live_sure(live) &&
      (berth_guest_unplug(live->control, id, NULL) || (berth_guest_has_device(live->control, id, &there, NULL) && !there)))
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

/* Asks the guest. The request is on record before QEMU hears of it. */
static gboolean request(BerthLibLive *live, const char *id, const char *command, const BerthLibConfig *config, GError **error) {
  const BerthStoreGuest *guest = live->guest;
  g_autoptr(GPtrArray) changes = berth_store_changes(live->berth->store, guest->uuid, error);
  if (changes == NULL)
    return FALSE;
  gboolean again = berth_store_changes_find(changes, id) != NULL;
  const char *state = config != NULL ? BERTH_STORE_UNPLUGGING_BOTH : BERTH_STORE_UNPLUGGING;
  if ((!again || config != NULL) &&
      !berth_lib_live_note(live->berth, guest->uuid, &guest->run, id, state, command, NULL, NULL, NULL, error))
    return FALSE;
  g_autoptr(GError) failure = NULL;
  if (unplug(live, id, &failure) || (again && live->control != NULL))
    return TRUE;
  if (live->control != NULL)
    berth_lib_live_drop(live->berth, guest->uuid, &guest->run, id, NULL);
  g_propagate_prefixed_error(error, g_steal_pointer(&failure), "guest '%s': ", guest->name);
  return FALSE;
}

/* @config: what was changed of the definition, which has the device again then; NULL: nothing. */
static gboolean refused(Berth *berth, const BerthStoreGuest *guest, const char *id, const char *what, BerthLibConfig *config,
                        GError **error) {
  gboolean back = berth_lib_live_note(berth, guest->uuid, &guest->run, id, NULL, NULL, NULL,
                                      config != NULL ? berth_lib_config_take_back : NULL, config, NULL);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_REFUSED_BY_GUEST, "guest '%s': %s: the guest refuses to let go of it%s", guest->name,
              what, config != NULL && (!back || config->made != 0) ? "; its definition, which is without it, stays so" : "");
  return FALSE;
}

/* Nobody may be there to see it go: asked under the lock, if nobody else has that. */
static void ask(Berth *berth, const BerthStoreGuest *guest) {
  g_autoptr(BerthLock) lock = berth_lib_lock(berth, guest, NULL);
  g_autofree char *path = berth_guest_control_path(guest->run.run_dir);
  g_autoptr(BerthQmp) control = lock != NULL ? berth_qmp_connect(path, CONNECT_MS, NULL) : NULL;
  if (control != NULL)
    berth_lib_live_resolve(berth, control, guest->uuid, NULL);
}

/* The request is no more: the guest has obeyed or ended, or was reset. */
static gboolean has_gone(Berth *berth, const BerthStoreGuest *guest, const char *id, const char *what, GError **error) {
  g_autoptr(BerthStoreGuest) now = berth_store_guest(berth->store, guest->uuid, error);
  if (now == NULL)
    return FALSE;
  gboolean same = now->run.pid == guest->run.pid && now->run.start_time == guest->run.start_time && now->run.document != NULL;
  g_autoptr(GBytes) there = same ? berth_lib_live_element(now->run.document, id) : NULL;
  if (there == NULL)
    return TRUE;
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "guest '%s': %s: the guest was reset before it let go of it, so it is kept",
              guest->name, what);
  return FALSE;
}

/* The supervisor records what the guest does; so the lock is free for others meanwhile. */
static gboolean await(Berth *berth, const BerthStoreGuest *guest, const char *id, const char *what, guint timeout_ms,
                      BerthLibConfig *config, GError **error) {
  guint asked = 0;
  for (guint waited = 0;; waited += STEP_MS) {
    g_autoptr(GPtrArray) changes = berth_store_changes(berth->store, guest->uuid, error);
    if (changes == NULL)
      return FALSE;
    const BerthStoreChange *change = berth_store_changes_find(changes, id);
    if (change == NULL)
      return has_gone(berth, guest, id, what, error);
    if (g_str_equal(change->state, BERTH_STORE_REFUSED))
      return refused(berth, guest, id, what, config, error);
    if (waited >= timeout_ms)
      break;
    if (waited - asked >= ASK_EVERY_MS) {
      ask(berth, guest);
      asked = waited;
    }
    g_usleep(STEP_MS * 1000ul);
  }
  g_set_error(
      error, BERTH_ERROR, BERTH_ERROR_FAILED,
      "guest '%s': %s: the guest has not let go of it within %u s; the request stands, and its place stays taken, until the guest "
      "obeys, is reset or ends",
      guest->name, what, timeout_ms / 1000);
  return FALSE;
}

static gboolean gone(BerthLibLive *live, const char *id, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (berth_lib_live_gone(live->berth, live->control, live->guest->uuid, id, &failure))
    return TRUE;
  if (berth_qmp_unsure(live->control) && berth_lib_live_sure(live))
    return berth_lib_live_gone(live->berth, live->control, live->guest->uuid, id, error);
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

/* The guest takes its time: the definition does not wait for it. */
static gboolean define_without(const BerthLibLive *live, const char *id, BerthLibConfig *config, GError **error) {
  return berth_lib_live_note(live->berth, live->guest->uuid, &live->guest->run, id, BERTH_STORE_UNPLUGGING, NULL, NULL,
                             berth_lib_config_change, config, error);
}

static gboolean detach_live(BerthLibLive *live, const char *id, const char *name, const char *command, guint timeout_ms,
                            BerthLibConfig *config, GError **error) {
  if (!request(live, id, command, config, error))
    return FALSE;
  BerthUnplug said = berth_guest_await_unplug(live->control, id, MIN(timeout_ms, AT_ONCE_MS));
  gboolean follows = said == BERTH_UNPLUG_WAITING && config != NULL;
  if (follows && !define_without(live, id, config, error))
    return FALSE;
  /* What it has said until then nobody else has recorded. */
  if (follows)
    said = berth_guest_await_unplug(live->control, id, 0);
  if (said == BERTH_UNPLUG_DONE)
    return gone(live, id, error);
  if (said == BERTH_UNPLUG_REFUSED)
    return refused(live->berth, live->guest, id, name, follows ? config : NULL, error);
  g_clear_pointer(&live->control, berth_qmp_free);
  g_clear_pointer(&live->lock, berth_host_lock_free);
  return await(live->berth, live->guest, id, name, timeout_ms, config, error);
}

/* What is to go, and how. */
typedef struct {
  const BerthXmlDocument *fragment; /* NULL: … */
  const char *alias;                /* … this one */
  const char *command;
  guint flags, timeout_ms;
} Wish;

/* The definition may call the device otherwise: there it is known by what the running guest's says about itself. */
static BerthXmlDocument *as_defined(const BerthLibLive *live, const char *id, GError **error) {
  g_autoptr(GBytes) element = berth_lib_live_element(live->guest->run.document, id);
  if (element != NULL)
    return berth_lib_config_fragment(element, live->guest->name, error);
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': its definition does not name %s", live->guest->name, id);
  return NULL;
}

static const BerthDevice *find_alias(const BerthLibLive *live, const char *alias, GError **error) {
  const BerthDevice *device = berth_lib_live_device(live->plan, alias);
  if (device == NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': has no device with alias '%.80s'", live->guest->name,
                alias);
  return device;
}

gboolean berth_lib_detach_check(const BerthLibLive *live, const char *alias, GError **error) {
  const BerthDevice *device = find_alias(live, alias, error);
  return device != NULL && check(live, device, error);
}

static gboolean detach_running(Berth *berth, const Wish *wish, BerthLibConfig *config, const char *uuid, GPtrArray **rows,
                               GError **error) {
  g_auto(BerthLibLive) live = {0};
  if (!berth_lib_live_open(&live, berth, uuid, error))
    return FALSE;
  const BerthDevice *device =
      wish->fragment != NULL ? berth_lib_live_find(live.plan, wish->fragment, error) : find_alias(&live, wish->alias, error);
  if (device == NULL || !check(&live, device, error))
    return FALSE;
  *rows = g_ptr_array_new_with_free_func((GDestroyNotify)berth_row_free);
  g_ptr_array_add(*rows, berth_lib_row_new(live.plan, device));
  g_autofree char *id = g_strdup(device->id), *name = berth_model_device_name(device);
  g_autoptr(BerthXmlDocument) defined = config != NULL ? as_defined(&live, id, error) : NULL;
  if (config != NULL) {
    config->remove = defined;
    config->facts = live.facts;
    config->run = &live.guest->run;
    if (defined == NULL || !berth_lib_config_change(NULL, config, error))
      return FALSE;
  }
  return (wish->flags & BERTH_CHANGE_DRY_RUN) != 0 || detach_live(&live, id, name, wish->command, wish->timeout_ms, config, error);
}

static gboolean detach(Berth *berth, const char *guest, const Wish *wish, GPtrArray **rows, GError **error) {
  gboolean live = FALSE, config = FALSE;
  g_autofree char *uuid = NULL;
  g_autoptr(GPtrArray) go = NULL;
  if (!berth_lib_scope(berth, guest, wish->flags, &live, &config, &uuid, error))
    return FALSE;
  BerthLibConfig change = {.berth = berth, .uuid = uuid, .command = wish->command, .remove = wish->fragment, .alias = wish->alias};
  if (live ? !detach_running(berth, wish, config ? &change : NULL, uuid, &go, error)
           : !berth_lib_config_alone(&change, (wish->flags & BERTH_CHANGE_DRY_RUN) != 0, &go, error))
    return FALSE;
  if (rows != NULL)
    *rows = g_steal_pointer(&go);
  return TRUE;
}

gboolean berth_detach_device(Berth *berth, const char *guest, GBytes *xml, const char *file, guint flags, guint timeout_ms,
                             GPtrArray **rows, GError **error) {
  g_autoptr(BerthXmlDocument) fragment = berth_lib_live_fragment(xml, file, error);
  const Wish wish = {.fragment = fragment, .command = "detach-device", .flags = flags, .timeout_ms = timeout_ms};
  return fragment != NULL && detach(berth, guest, &wish, rows, error);
}

gboolean berth_lib_detach_alias(Berth *berth, const char *guest, const char *alias, const char *command, guint flags,
                                guint timeout_ms, GPtrArray **rows, GError **error) {
  const Wish wish = {.alias = alias, .command = command, .flags = flags, .timeout_ms = timeout_ms};
  return detach(berth, guest, &wish, rows, error);
}

gboolean berth_detach_device_alias(Berth *berth, const char *guest, const char *alias, guint flags, guint timeout_ms,
                                   GPtrArray **rows, GError **error) {
  return berth_lib_detach_alias(berth, guest, alias, "detach-device-alias", flags, timeout_ms, rows, error);
}
