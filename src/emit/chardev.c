/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -chardev takes no JSON, and names some things otherwise than chardev-add does. */
#include "emit/keyval.h"

#include <berth/error.h>

/* What chardev-add calls it below "data" → what -chardev does; an empty name: said by the structure alone. */
static const struct {
  const char *command, *argument;
} names[] = {
    {"out", "path"},
    {"in", "input-path"},
    {"append", "append"},
    {"device", "path"},
    {"signal", "signal"},
    {"type", "name"},
    {"fqdn", "name"},
    {"name", "name"},
    {"mouse", "mouse"},
    {"clipboard", "clipboard"},
    {"logfile", "logfile"},
    {"logappend", "logappend"},
    {"server", "server"},
    {"wait", "wait"},
    {"telnet", "telnet"},
    {"reconnect", "reconnect"},
    {"addr.type", ""},
    {"addr.data.path", "path"},
    {"addr.data.host", "host"},
    {"addr.data.port", "port"},
    {"remote.type", ""},
    {"remote.data.host", "host"},
    {"remote.data.port", "port"},
    {"local.type", ""},
    {"local.data.host", "localaddr"},
    {"local.data.port", "localport"},
};

static const char *argument_name(const char *command) {
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    if (g_str_equal(names[i].command, command))
      return names[i].argument;
  }
  return NULL;
}

static gboolean flatten(json_object *out, const char *prefix, json_object *data, GError **error) {
  json_object_object_foreach(data, member, node) {
    g_autofree char *key = g_strconcat(prefix, member, NULL);
    if (json_object_is_type(node, json_type_object)) {
      g_autofree char *below = g_strconcat(key, ".", NULL);
      if (!flatten(out, below, node, error))
        return FALSE;
      continue;
    }
    const char *name = argument_name(key);
    if (name == NULL) {
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "chardev: \"%s\" has no form as an argument", key);
      return FALSE;
    }
    if (name[0] != '\0')
      berth_json_set(out, name, json_object_get(node));
  }
  return TRUE;
}

json_object *berth_emit_chardev(json_object *arguments, char **word, GError **error) {
  g_autoptr(json_object) out = json_object_new_object();
  json_object *backend = berth_json_member(arguments, "backend"), *data = berth_json_member_object(backend, "data");
  berth_json_set_string(out, "id", berth_json_member_string(arguments, "id"));
  if (data != NULL && !flatten(out, "", data, error))
    return NULL;
  *word = g_strdup(berth_json_member_string(backend, "type"));
  return g_steal_pointer(&out);
}
