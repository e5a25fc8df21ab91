/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/identity.h"

#include <string.h>

static const char *const names[BERTH_N_KEYS] = {
    [BERTH_KEY_ALIAS] = "alias",     [BERTH_KEY_MAC] = "mac",         [BERTH_KEY_SERIAL] = "serial",
    [BERTH_KEY_WWN] = "wwn",         [BERTH_KEY_TARGET] = "target",   [BERTH_KEY_FSTARGET] = "fstarget",
    [BERTH_KEY_CHANNEL] = "channel", [BERTH_KEY_SOURCE] = "source",   [BERTH_KEY_CONTROLLER] = "controller",
    [BERTH_KEY_CONTENT] = "content", [BERTH_KEY_NETWORK] = "network", [BERTH_KEY_KIND] = "kind",
    [BERTH_KEY_DERIVED] = "derived",
};

const char *berth_model_key_class_name(guint key_class) {
  return names[key_class];
}

guint berth_model_key_class_of(const char *text) {
  const char *equals = strchr(text, '=');
  for (guint i = 0; equals != NULL && i < BERTH_N_KEYS; i++) {
    gsize length = strlen(names[i]);
    if ((gsize)(equals - text) == length && strncmp(text, names[i], length) == 0)
      return i;
  }
  return BERTH_N_KEYS;
}

gboolean berth_model_key_class_weak(guint key_class) {
  return key_class >= BERTH_KEY_CONTENT;
}

const char *berth_model_device_key(const BerthDevice *device, guint key_class) {
  for (guint i = 0; device->keys != NULL && i < device->keys->len; i++) {
    const BerthKey *key = &g_array_index(device->keys, BerthKey, i);
    if (key->strength == key_class)
      return key->text;
  }
  return NULL;
}
