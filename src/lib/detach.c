/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/live.h"

#include <string.h>

#include "families/families.h"
#include "guest/control.h"
#include "guest/launch.h"
#include "kinds/kinds.h"

#define AT_ONCE_MS 300u
#define STEP_MS 20u
#define ASK_EVERY_MS 1000u
#define CONNECT_MS 2000

static const char *bus_of(const BerthPlan *plan, const BerthDevice *device, JsonObject *props) {
  const BerthFamily *family = berth_families_find(berth_families, device->address.type);
  if (family == NULL || family->properties == NULL)
    return NULL;
  family->properties(plan->inventory, device, props);
  return json_object_has_member(props, "bus") ? json_object_get_string_member(props, "bus") : NULL;
}

/* A device that sits on a bus of @controller; NULL: there is none. */
static const BerthDevice *passenger(const BerthPlan *plan, const BerthDevice *controller) {
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    g_autoptr(JsonObject) props = json_object_new();
    const char *bus = device != controller ? bus_of(plan, device, props) : NULL;
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
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "guest '%s': %s: %s", live->guest->name, name, why);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BUSY, "guest '%s': %s: %s is on it; detach that first", live->guest->name, name,
                other);
  return FALSE;
}

static const BerthStoreChange *change_of(const GPtrArray *changes, const char *id) {
  for (guint i = 0; i < changes->len; i++) {
    const BerthStoreChange *change = g_ptr_array_index(changes, i);
    if (g_str_equal(change->device, id))
      return change;
  }
  return NULL;
}

/* Asks the guest. The request is on record before QEMU hears of it. */
static gboolean request(BerthLibLive *live, const char *id, GError **error) {
  g_autoptr(GPtrArray) changes = berth_store_changes(live->berth->store, live->guest->uuid, error);
  if (changes == NULL)
    return FALSE;
  gboolean again = change_of(changes, id) != NULL;
  if (!again && !berth_lib_live_note(live->berth, live->guest->uuid, &live->guest->run, id, BERTH_STORE_UNPLUGGING, NULL, error))
    return FALSE;
  g_autoptr(GError) failure = NULL;
  if (berth_guest_unplug(live->control, id, &failure) || again)
    return TRUE;
  berth_lib_live_note(live->berth, live->guest->uuid, &live->guest->run, id, NULL, NULL, NULL);
  g_propagate_prefixed_error(error, g_steal_pointer(&failure), "guest '%s': ", live->guest->name);
  return FALSE;
}

static gboolean refused(const char *guest, const char *what, GError **error) {
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_REFUSED_BY_GUEST, "guest '%s': %s: the guest refuses to let go of it", guest, what);
  return FALSE;
}

/* Nobody may be there to see it go: asked under the lock, if nobody else has that. */
static void ask(Berth *berth, const BerthStoreGuest *guest) {
  g_autoptr(BerthLock) lock = berth_lib_lock(berth, guest, NULL);
  g_autofree char *path = berth_guest_control_path(guest->run.run_dir);
  g_autoptr(BerthQmp) control = lock != NULL ? berth_qmp_connect(path, CONNECT_MS, NULL) : NULL;
  if (control != NULL)
    berth_lib_live_resolve(berth, control, guest->uuid, FALSE, NULL);
}

/* The supervisor records what the guest does; so the lock is free for others meanwhile. */
static gboolean await(Berth *berth, const BerthStoreGuest *guest, const char *id, const char *what, guint timeout_ms,
                      GError **error) {
  guint asked = 0;
  for (guint waited = 0;; waited += STEP_MS) {
    g_autoptr(GPtrArray) changes = berth_store_changes(berth->store, guest->uuid, error);
    if (changes == NULL)
      return FALSE;
    const BerthStoreChange *change = change_of(changes, id);
    if (change == NULL)
      return TRUE;
    if (g_str_equal(change->state, BERTH_STORE_REFUSED)) {
      berth_lib_live_note(berth, guest->uuid, &guest->run, id, NULL, NULL, NULL);
      return refused(guest->name, what, error);
    }
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

static gboolean detach_live(BerthLibLive *live, const BerthDevice *device, guint timeout_ms, BerthLibConfig *config,
                            GError **error) {
  g_autofree char *id = g_strdup(device->id), *name = berth_model_device_name(device);
  if (config != NULL)
    config->facts = live->facts;
  if (!check(live, device, error) || (config != NULL && !berth_lib_config_change(NULL, config, error)) ||
      !request(live, id, error) || (config != NULL && !berth_lib_config_store(config, error)))
    return FALSE;
  BerthUnplug said = berth_guest_await_unplug(live->control, id, MIN(timeout_ms, AT_ONCE_MS));
  if (said == BERTH_UNPLUG_DONE)
    return berth_lib_live_gone(live->berth, live->control, live->guest->uuid, id, error);
  if (said == BERTH_UNPLUG_REFUSED) {
    berth_lib_live_note(live->berth, live->guest->uuid, &live->guest->run, id, NULL, NULL, NULL);
    return refused(live->guest->name, name, error);
  }
  g_clear_pointer(&live->control, berth_qmp_free);
  g_clear_pointer(&live->lock, berth_host_lock_free);
  return await(live->berth, live->guest, id, name, timeout_ms, error);
}

static gboolean detach(Berth *berth, const char *guest, const BerthXmlDocument *fragment, const char *alias, guint flags,
                       guint timeout_ms, GError **error) {
  gboolean live = FALSE, config = FALSE;
  g_autofree char *uuid = NULL;
  if (!berth_lib_scope(berth, guest, flags, &live, &config, &uuid, error))
    return FALSE;
  BerthLibConfig change = {.berth = berth,
                           .uuid = uuid,
                           .command = alias != NULL ? "detach-device-alias" : "detach-device",
                           .remove = fragment,
                           .alias = alias};
  if (!live)
    return berth_lib_config_store(&change, error);
  g_auto(BerthLibLive) running = {0};
  if (!berth_lib_live_open(&running, berth, uuid, error))
    return FALSE;
  const BerthDevice *device =
      fragment != NULL ? berth_lib_live_find(running.plan, fragment, error) : berth_lib_live_device(running.plan, alias);
  if (device == NULL && fragment == NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_NOT_FOUND, "guest '%s': has no device with alias '%.80s'", running.guest->name,
                alias);
  return device != NULL && detach_live(&running, device, timeout_ms, config ? &change : NULL, error);
}

gboolean berth_detach_device(Berth *berth, const char *guest, GBytes *xml, const char *file, guint flags, guint timeout_ms,
                             GError **error) {
  g_autoptr(BerthXmlDocument) fragment = berth_lib_live_fragment(xml, file, error);
  return fragment != NULL && detach(berth, guest, fragment, NULL, flags, timeout_ms, error);
}

gboolean berth_detach_device_alias(Berth *berth, const char *guest, const char *alias, guint flags, guint timeout_ms,
                                   GError **error) {
  return detach(berth, guest, NULL, alias, flags, timeout_ms, error);
}
