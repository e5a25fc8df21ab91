/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emit/emit.h"

#include "emit/keyval.h"

typedef char *(*BerthEmitValue)(const BerthQemuObject *object, GError **error);

/* QEMU reads a -device that begins with '{' as JSON, where no character can end a value early; control characters are refused all
 * the same, for no name or path has any business with them. */
static char *json_value(const BerthQemuObject *object, GError **error) {
  if (!berth_emit_check_props(object->props, error))
    return NULL;
  return g_strdup(berth_json_line(object->props));
}

static char *chardev_value(const BerthQemuObject *object, GError **error) {
  g_autofree char *word = NULL;
  g_autoptr(json_object) props = berth_emit_chardev(object->props, &word, error);
  return props != NULL ? berth_emit_keyval(word, props, error) : NULL;
}

/* Indexed by BerthQemuForm. */
static const struct {
  const char *argument;
  BerthEmitValue value;
} forms[] = {
    [BERTH_QEMU_OBJECT] = {"-object", json_value},     [BERTH_QEMU_CHARDEV] = {"-chardev", chardev_value},
    [BERTH_QEMU_BLOCKDEV] = {"-blockdev", json_value}, [BERTH_QEMU_NETDEV] = {"-netdev", json_value},
    [BERTH_QEMU_DEVICE] = {"-device", json_value},
};

static gboolean add_option(GPtrArray *out, const BerthQemuObject *object, GError **error) {
  g_ptr_array_add(out, g_strdup(object->option));
  if (object->props != NULL && json_object_object_length(object->props) > 0) {
    char *value = berth_emit_keyval(object->value, object->props, error);
    if (value == NULL)
      return FALSE;
    g_ptr_array_add(out, value);
  } else if (object->value != NULL) {
    if (!berth_emit_check_text(object->option, object->value, error))
      return FALSE;
    g_ptr_array_add(out, g_strdup(object->value));
  }
  return TRUE;
}

static gboolean add_object(GPtrArray *out, const BerthQemuObject *object, GError **error) {
  if (object->form == BERTH_QEMU_OPTION)
    return add_option(out, object, error);
  char *value = forms[object->form].value(object, error);
  if (value == NULL)
    return FALSE;
  g_ptr_array_add(out, g_strdup(forms[object->form].argument));
  g_ptr_array_add(out, value);
  return TRUE;
}

GStrv berth_emit_arguments(const BerthQemu *qemu, GError **error) {
  g_autoptr(GPtrArray) out = g_ptr_array_new_with_free_func(g_free);
  if (!berth_emit_check_text("QEMU's path", qemu->binary, error))
    return NULL;
  g_ptr_array_add(out, g_strdup(qemu->binary));
  for (guint i = 0; i < qemu->objects->len; i++) {
    const BerthQemuObject *object = g_ptr_array_index(qemu->objects, i);
    if (object->form != BERTH_QEMU_COMMAND && !add_object(out, object, error))
      return NULL;
  }
  g_ptr_array_add(out, NULL);
  g_ptr_array_set_free_func(out, NULL);
  return (GStrv)g_ptr_array_free(g_steal_pointer(&out), FALSE);
}
