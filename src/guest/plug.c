/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/plug.h"

#include <string.h>

#include "emit/emit.h"
#include "guest/bridge.h"
#include "guest/control.h"
#include "guest/prepare.h"

#define RELEASE_TRIES 50
#define RELEASE_STEP_US 20000ul

/* How each object is taken back (QEMU QMP reference). */
static const struct {
  BerthQemuForm form;
  const char *command, *argument, *member;
} takers[] = {
    {BERTH_QEMU_OBJECT, "object-del", "id", "id"},
    {BERTH_QEMU_CHARDEV, "chardev-remove", "id", "id"},
    {BERTH_QEMU_BLOCKDEV, "blockdev-del", "node-name", "node-name"},
    {BERTH_QEMU_NETDEV, "netdev_del", "id", "id"},
};

static gboolean execute(BerthQmp *qmp, const char *command, json_object *arguments, GError **error) {
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, command, arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  return answer != NULL;
}

/* Options that a running QEMU takes by another name. */
static const struct {
  const char *option, *command, *argument;
} equivalents[] = {{"-watchdog-action", "watchdog-set-action", "action"}};

static gboolean give_option(BerthQmp *qmp, const BerthQemuObject *object, GError **error) {
  for (gsize i = 0; i < G_N_ELEMENTS(equivalents); i++) {
    if (g_strcmp0(equivalents[i].option, object->option) != 0 || object->value == NULL)
      continue;
    g_autoptr(json_object) arguments = json_object_new_object();
    berth_json_set_string(arguments, equivalents[i].argument, object->value);
    return execute(qmp, equivalents[i].command, arguments, error);
  }
  g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "QEMU takes %s only when it starts", object->option);
  return FALSE;
}

static gboolean give(BerthQmp *qmp, const BerthQemuObject *object, GError **error) {
  if (object->form == BERTH_QEMU_OPTION)
    return give_option(qmp, object, error);
  if (object->form == BERTH_QEMU_NETDEV && g_str_equal(berth_json_member_string(object->props, "type"), "bridge"))
    return berth_guest_join_bridge(qmp, object->props, error);
  g_autoptr(json_object) command = berth_emit_command(object);
  return execute(qmp, berth_json_member_string(command, "execute"), berth_json_member(command, "arguments"), error);
}

/* A device that QEMU does not list any more holds its back ends until QEMU has cleaned up behind it; DEVICE_DELETED comes then. */
static void take_back_once_free(BerthQmp *qmp, const char *command, json_object *arguments) {
  for (guint tries = 0; tries < RELEASE_TRIES; tries++) {
    g_autoptr(GError) failure = NULL;
    if (execute(qmp, command, arguments, &failure) ||
        (strstr(failure->message, "in use") == NULL && strstr(failure->message, "busy") == NULL))
      return;
    g_usleep(RELEASE_STEP_US);
  }
}

static void take_back(BerthQmp *qmp, const BerthQemuObject *object) {
  for (gsize i = 0; i < G_N_ELEMENTS(takers); i++) {
    if (takers[i].form != object->form || !json_object_object_get_ex(object->props, takers[i].member, NULL))
      continue;
    g_autoptr(json_object) arguments = json_object_new_object();
    berth_json_set_string(arguments, takers[i].argument, berth_json_member_string(object->props, takers[i].member));
    take_back_once_free(qmp, takers[i].command, arguments);
  }
}

static void take_back_first(BerthQmp *qmp, const BerthQemu *objects, guint n) {
  while (n-- > 0)
    take_back(qmp, g_ptr_array_index(objects->objects, n));
}

/* The id is new, so a back end that has it is what QEMU did not take back when the last device with this id had gone. */
static gboolean give_anew(BerthQmp *qmp, const BerthQemuObject *object, GError **error) {
  g_autoptr(GError) failure = NULL;
  if (give(qmp, object, &failure))
    return TRUE;
  if (object->form != BERTH_QEMU_DEVICE &&
      (strstr(failure->message, "uplicate") != NULL || strstr(failure->message, "already exists") != NULL)) {
    take_back(qmp, object);
    return give(qmp, object, error);
  }
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}

gboolean berth_guest_plug(BerthQmp *qmp, const BerthQemu *objects, GError **error) {
  for (guint i = 0; i < objects->objects->len; i++) {
    if (give_anew(qmp, g_ptr_array_index(objects->objects, i), error))
      continue;
    take_back_first(qmp, objects, i);
    return FALSE;
  }
  return TRUE;
}

gboolean berth_guest_tell(BerthQmp *qmp, const BerthQemu *objects, GError **error) {
  for (guint i = 0; i < objects->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(objects->objects, i);
    if (object->form == BERTH_QEMU_COMMAND && !give(qmp, object, error))
      return FALSE;
  }
  return TRUE;
}

void berth_guest_unplug_back_ends(BerthQmp *qmp, const BerthQemu *objects) {
  take_back_first(qmp, objects, objects->objects->len);
  for (guint i = 0; i < objects->helpers->len; i++)
    berth_guest_end_waiting(((const BerthQemuHelper *)g_ptr_array_index(objects->helpers, i))->socket);
}

gboolean berth_guest_unplug(BerthQmp *qmp, const char *id, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "id", id);
  return execute(qmp, "device_del", arguments, error);
}

gboolean berth_guest_has_device(BerthQmp *qmp, const char *id, gboolean *there, GError **error) {
  g_autoptr(json_object) arguments = json_object_new_object();
  berth_json_set_string(arguments, "path", "/machine/peripheral");
  g_autoptr(json_object) answer = berth_qmp_execute(qmp, "qom-list", arguments, BERTH_GUEST_COMMAND_TIMEOUT_MS, error);
  *there = FALSE;
  if (answer == NULL)
    return FALSE;
  if (!json_object_is_type(answer, json_type_array)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "QEMU answered \"qom-list\" with something else");
    return FALSE;
  }
  for (gsize i = 0; i < json_object_array_length(answer) && !*there; i++)
    *there = g_strcmp0(berth_json_member_string(json_object_array_get_idx(answer, i), "name"), id) == 0;
  return TRUE;
}

/* What a guest has answered by ACPI's _OST (ACPI 6.5, 6.3.5) to a request to eject, from outside (3) or its own (0x103). That the
 * ejection goes on (0x84) or has been done (0) is told otherwise. */
static BerthUnplug ejection(json_object *info) {
  gint64 source = berth_json_member_int(info, "source", 0), status = berth_json_member_int(info, "status", 0);
  if (source != 0x3 && source != 0x103)
    return BERTH_UNPLUG_WAITING;
  /* It failed, or the guest does not know the request; the device cannot be ejected, is in use, is busy, is needed by another. */
  return status == 0x1 || status == 0x2 || (status >= 0x80 && status <= 0x83) ? BERTH_UNPLUG_REFUSED : BERTH_UNPLUG_WAITING;
}

BerthUnplug berth_guest_unplug_event(const char *event, json_object *data, const char **id) {
  static const struct {
    const char *event;
    BerthUnplug means;
  } events[] = {{"DEVICE_DELETED", BERTH_UNPLUG_DONE},
                {"DEVICE_UNPLUG_GUEST_ERROR", BERTH_UNPLUG_REFUSED},
                {"MEM_UNPLUG_ERROR", BERTH_UNPLUG_REFUSED}};
  gboolean answer = g_str_equal(event, "ACPI_DEVICE_OST");
  json_object *info = answer ? berth_json_member_object(data, "info") : data;
  *id = berth_json_member_string(info, "device");
  if (answer && *id != NULL)
    return ejection(info);
  for (gsize i = 0; i < G_N_ELEMENTS(events) && *id != NULL; i++)
    if (g_str_equal(event, events[i].event))
      return events[i].means;
  return BERTH_UNPLUG_WAITING;
}

BerthUnplug berth_guest_await_unplug(BerthQmp *qmp, const char *id, guint timeout_ms) {
  gint64 until = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  for (;;) {
    gint64 left = MAX(0, until - g_get_monotonic_time());
    g_autoptr(json_object) message = berth_qmp_event(qmp, (guint)(left / 1000), NULL);
    if (message == NULL)
      return BERTH_UNPLUG_WAITING;
    const char *which = NULL;
    BerthUnplug said =
        berth_guest_unplug_event(berth_json_member_string(message, "event"), berth_json_member_object(message, "data"), &which);
    if (said != BERTH_UNPLUG_WAITING && g_str_equal(which, id))
      return said;
  }
}
