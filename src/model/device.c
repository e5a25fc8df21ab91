/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/device.h"

#include <errno.h>
#include <string.h>

#include "model/kind.h"

static void clear_set(gpointer data) {
  BerthSet *set = data;

  g_free(set->path);
  g_free(set->value);
}

BerthDevice *berth_model_device_new(const BerthElement *element, const BerthXmlNode *node) {
  BerthDevice *device = g_new0(BerthDevice, 1);

  device->element = element;
  device->node = node;
  device->origin = node != NULL ? BERTH_ORIGIN_DOCUMENT : BERTH_ORIGIN_IMPLICIT;
  device->sets = g_array_new(FALSE, FALSE, sizeof(BerthSet));
  g_array_set_clear_func(device->sets, clear_set);
  device->changed = TRUE;
  device->index = -1;
  device->guest_bus = -1;
  return device;
}

void berth_model_device_free(BerthDevice *device) {
  if (device == NULL)
    return;
  g_array_unref(device->sets);
  g_clear_pointer(&device->keys, g_array_unref);
  g_free(device->id);
  g_free(device->path);
  g_free(device);
}

static BerthSet *find_set(const BerthDevice *device, const char *path) {
  for (guint i = 0; i < device->sets->len; i++) {
    BerthSet *set = &g_array_index(device->sets, BerthSet, i);
    if (berth_xml_name_is(set->path, path))
      return set;
  }
  return NULL;
}

const char *berth_model_device_get(const BerthDevice *device, const char *path) {
  const BerthSet *set = find_set(device, path);

  return set != NULL ? set->value : berth_xml_node_get(device->node, path);
}

void berth_model_device_set(BerthDevice *device, const char *path, const char *value) {
  BerthSet *set = find_set(device, path);

  device->changed = TRUE;
  if (set == NULL) {
    BerthSet fresh = {g_strdup(path), g_strdup(value)};
    g_array_append_val(device->sets, fresh);
    return;
  }
  char *copy = g_strdup(value); /* @value may be the old one */
  g_free(set->value);
  set->value = copy;
}

gboolean berth_model_device_is(const BerthDevice *device, const char *path, const char *value) {
  return g_strcmp0(berth_model_device_get(device, path), value) == 0;
}

guint64 berth_model_number(const char *text, guint64 fallback) {
  char *end = NULL;

  if (text == NULL)
    return fallback;
  while (g_ascii_isspace(*text))
    text++;
  if (!g_ascii_isdigit(*text) && *text != '+')
    return fallback;
  errno = 0;
  guint64 value = g_ascii_strtoull(text, &end, 0);
  while (end != text && g_ascii_isspace(*end))
    end++;
  return errno == 0 && end != text && *end == '\0' ? value : fallback;
}

guint64 berth_model_device_number(const BerthDevice *device, const char *path, guint64 fallback) {
  return berth_model_number(berth_model_device_get(device, path), fallback);
}

/* What people call a device by, the best first. */
static const struct {
  const char *path;
  const char *quote;
} names[] = {{"mac/@address", ""}, {"target/@dev", "'"}, {"target/@name", "'"},
             {"target/@dir", "'"}, {"alias/@name", "'"}, {"@name", "'"}};

char *berth_model_device_name(const BerthDevice *device) {
  const char *element = device->element->name;

  if (device->element->id == BERTH_CONTROLLER) {
    const char *type = berth_model_device_get(device, "@type");
    if (device->index < 0)
      return g_strdup_printf("%s %s", element, type != NULL ? type : "");
    return g_strdup_printf("%s %s %" G_GINT64_FORMAT, element, type != NULL ? type : "", device->index);
  }
  if (*element == '\0' && device->node != NULL)
    element = device->node->name;
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    const char *value = berth_model_device_get(device, names[i].path);
    if (value != NULL)
      return g_strconcat(element, " ", names[i].quote, value, names[i].quote, NULL);
  }
  return device->index < 0 ? g_strdup(element) : g_strdup_printf("%s %" G_GINT64_FORMAT, element, device->index);
}

char *berth_model_device_cite(const BerthDevice *device, const BerthXmlNode *node) {
  g_autofree char *name = berth_model_device_name(device);

  if (device->node == NULL)
    return g_strconcat(name, " (added by berth)", NULL);
  if (device->node == node)
    return g_steal_pointer(&name);
  g_autofree char *where = berth_xml_node_where(device->node, node);
  return g_strconcat(name, " (", where, ")", NULL);
}

const char *berth_model_origin_name(BerthOrigin origin) {
  static const char *const origins[] = {
      [BERTH_ORIGIN_DOCUMENT] = "document",
      [BERTH_ORIGIN_RECORD] = "record",
      [BERTH_ORIGIN_IMPLICIT] = "implicit",
      [BERTH_ORIGIN_GROWN] = "grown",
  };

  return origins[origin];
}

const char *berth_model_rule_name(BerthRule rule) {
  static const char *const rules[] = {
      [BERTH_RULE_NONE] = "none",         [BERTH_RULE_DOCUMENT] = "document", [BERTH_RULE_RECALLED] = "recalled",
      [BERTH_RULE_RETURNED] = "returned", [BERTH_RULE_FIXED] = "fixed",       [BERTH_RULE_TARGET] = "target",
      [BERTH_RULE_FIRST] = "first",
  };

  return rules[rule];
}
