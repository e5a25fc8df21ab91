/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Two versions of a device, as QEMU would have them: what can become what while the guest runs. */
#include "kinds/kinds.h"

#include <string.h>

/* Only these can differ; the first row that fits says what that is. */
static const struct {
  BerthQemuForm form;
  const char *member; /* NULL: any */
  guint change;
} differences[] = {
    {BERTH_QEMU_BLOCKDEV, NULL, BERTH_KINDS_MEDIUM},
    {BERTH_QEMU_DEVICE, "drive", BERTH_KINDS_MEDIUM},
    {BERTH_QEMU_DEVICE, "requested-size", BERTH_KINDS_REQUESTED},
    {BERTH_QEMU_COMMAND, NULL, BERTH_KINDS_LINK},
};

static const char *const form_names[] = {
    [BERTH_QEMU_OPTION] = "option",     [BERTH_QEMU_OBJECT] = "back end",  [BERTH_QEMU_CHARDEV] = "back end",
    [BERTH_QEMU_BLOCKDEV] = "medium",   [BERTH_QEMU_NETDEV] = "host side", [BERTH_QEMU_DEVICE] = "device",
    [BERTH_QEMU_COMMAND] = "condition",
};

static gboolean has_medium(const BerthDevice *device) {
  return berth_model_device_is(device, "@device", "cdrom") || berth_model_device_is(device, "@device", "floppy");
}

static char *judge(const BerthDevice *device, BerthQemuForm form, const char *member, guint *changes) {
  for (gsize i = 0; i < G_N_ELEMENTS(differences); i++) {
    if (differences[i].form != form || (differences[i].member != NULL && g_strcmp0(differences[i].member, member) != 0))
      continue;
    if (differences[i].change == BERTH_KINDS_MEDIUM && !has_medium(device))
      return g_strdup("only the medium of a cdrom or floppy can be changed while the guest runs");
    *changes |= differences[i].change;
    return NULL;
  }
  return g_strdup_printf("its %s%s%s cannot be changed while the guest runs", form_names[form], member != NULL ? ": " : "",
                         member != NULL ? member : "");
}

static json_object *member_of(const BerthQemuObject *object, const char *name) {
  return object != NULL ? berth_json_member(object->props, name) : NULL;
}

/* The members of @a that @b has not, or not so. */
static char *compare_members(const BerthDevice *device, const BerthQemuObject *a, const BerthQemuObject *b, guint *changes) {
  if (a->props == NULL)
    return NULL;
  json_object_object_foreach(a->props, name, value) {
    json_object *other = member_of(b, name);
    char *why = other == NULL || !json_object_equal(value, other) ? judge(device, a->form, name, changes) : NULL;
    if (why != NULL)
      return why;
  }
  return NULL;
}

/* Objects are told apart by what they are called. */
static const char *name_of(const BerthQemuObject *object) {
  static const char *const names[] = {"id", "node-name", "name"};
  for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
    json_object *name = member_of(object, names[i]);
    if (name != NULL)
      return berth_json_string(name);
  }
  return object->option;
}

static const BerthQemuObject *same_of(const BerthQemu *qemu, const BerthQemuObject *object) {
  for (guint i = 0; i < qemu->objects->len; i++) {
    const BerthQemuObject *other = g_ptr_array_index(qemu->objects, i);
    if (other->form == object->form && g_strcmp0(name_of(other), name_of(object)) == 0)
      return other;
  }
  return NULL;
}

static char *compare(const BerthDevice *device, const BerthQemu *a, const BerthQemu *b, guint *changes) {
  char *why = NULL;
  for (guint i = 0; i < a->objects->len && why == NULL; i++) {
    const BerthQemuObject *object = g_ptr_array_index(a->objects, i), *other = same_of(b, object);
    why = other != NULL ? compare_members(device, object, other, changes) : judge(device, object->form, NULL, changes);
  }
  return why;
}

char *berth_kinds_changes(const BerthDevice *before, const BerthQemu *from, const BerthDevice *after, const BerthQemu *to,
                          guint *changes) {
  *changes = 0;
  if (!berth_model_address_equal(&before->address, &after->address))
    return g_strdup("its place cannot be changed while the guest runs");
  char *why = compare(after, from, to, changes);
  if (why == NULL)
    why = compare(after, to, from, changes);
  /* The guest has opened the tray: putting in what was in it is a change, too. */
  if (why == NULL && berth_model_device_is(before, "target/@tray", "open") && !berth_model_device_is(after, "target/@tray", "open"))
    *changes |= BERTH_KINDS_MEDIUM;
  return why;
}
