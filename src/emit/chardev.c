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

static gboolean flatten(JsonObject *out, const char *prefix, JsonObject *data, GError **error) {
  g_autoptr(GList) members = json_object_get_members(data);
  for (GList *m = members; m != NULL; m = m->next) {
    g_autofree char *key = g_strconcat(prefix, m->data, NULL);
    JsonNode *node = json_object_get_member(data, m->data);
    if (JSON_NODE_HOLDS_OBJECT(node)) {
      g_autofree char *below = g_strconcat(key, ".", NULL);
      if (!flatten(out, below, json_node_get_object(node), error))
        return FALSE;
      continue;
    }
    const char *name = argument_name(key);
    if (name == NULL) {
      g_set_error(error, BERTH_ERROR, BERTH_ERROR_UNSUPPORTED, "chardev: \"%s\" has no form as an argument", key);
      return FALSE;
    }
    if (name[0] != '\0')
      json_object_set_member(out, name, json_node_copy(node));
  }
  return TRUE;
}

JsonObject *berth_emit_chardev(JsonObject *arguments, char **word, GError **error) {
  g_autoptr(JsonObject) out = json_object_new();
  JsonObject *backend = json_object_get_object_member(arguments, "backend");
  json_object_set_string_member(out, "id", json_object_get_string_member(arguments, "id"));
  if (json_object_has_member(backend, "data") && !flatten(out, "", json_object_get_object_member(backend, "data"), error))
    return NULL;
  *word = g_strdup(json_object_get_string_member(backend, "type"));
  return g_steal_pointer(&out);
}
