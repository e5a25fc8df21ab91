/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "emit/keyval.h"

#include <berth/error.h>
#include <string.h>

gboolean berth_emit_check_text(const char *what, const char *text, GError **error) {
  for (const char *c = text; *c != '\0'; c++) {
    if (!g_ascii_iscntrl(*c))
      continue;
    g_autofree char *shown = g_strescape(text, NULL);
    if (strlen(shown) > 80)
      memcpy(shown + 77, "...", 4);
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: control character in \"%s\"", what, shown);
    return FALSE;
  }
  return TRUE;
}

static void append_doubled(GString *out, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == ',')
      g_string_append_c(out, ',');
    g_string_append_c(out, *text);
  }
}

static gboolean append_scalar(GString *out, const char *key, JsonNode *node, GError **error) {
  GType type = json_node_get_value_type(node);
  if (out->len > 0)
    g_string_append_c(out, ',');
  g_string_append(out, key);
  g_string_append_c(out, '=');
  if (type == G_TYPE_BOOLEAN)
    g_string_append(out, json_node_get_boolean(node) ? "on" : "off");
  else if (type == G_TYPE_INT64)
    g_string_append_printf(out, "%" G_GINT64_FORMAT, json_node_get_int(node));
  else if (type == G_TYPE_STRING) {
    if (!berth_emit_check_text(key, json_node_get_string(node), error))
      return FALSE;
    append_doubled(out, json_node_get_string(node));
  } else {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: has a value that QEMU's options cannot say", key);
    return FALSE;
  }
  return TRUE;
}

static gboolean append_node(GString *out, const char *key, JsonNode *node, GError **error);

static gboolean append_object(GString *out, const char *prefix, JsonObject *object, GError **error) {
  g_autoptr(GList) members = json_object_get_members(object);
  for (GList *m = members; m != NULL; m = m->next) {
    g_autofree char *key = prefix[0] != '\0' ? g_strconcat(prefix, ".", m->data, NULL) : g_strdup(m->data);
    if (!append_node(out, key, json_object_get_member(object, m->data), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean append_array(GString *out, const char *prefix, JsonArray *array, GError **error) {
  for (guint i = 0; i < json_array_get_length(array); i++) {
    g_autofree char *key = g_strdup_printf("%s.%u", prefix, i);
    if (!append_node(out, key, json_array_get_element(array, i), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean append_node(GString *out, const char *key, JsonNode *node, GError **error) {
  if (JSON_NODE_HOLDS_OBJECT(node))
    return append_object(out, key, json_node_get_object(node), error);
  if (JSON_NODE_HOLDS_ARRAY(node))
    return append_array(out, key, json_node_get_array(node), error);
  return append_scalar(out, key, node, error);
}

char *berth_emit_keyval(const char *word, JsonObject *props, GError **error) {
  g_autoptr(GString) out = g_string_new(NULL);
  if (word != NULL) {
    if (!berth_emit_check_text("option", word, error))
      return NULL;
    append_doubled(out, word);
  }
  if (props != NULL && !append_object(out, "", props, error))
    return NULL;
  return g_strdup(out->str);
}

static gboolean check_node(const char *key, JsonNode *node, GError **error) {
  if (JSON_NODE_HOLDS_OBJECT(node))
    return berth_emit_check_props(json_node_get_object(node), error);
  if (JSON_NODE_HOLDS_ARRAY(node)) {
    JsonArray *array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++) {
      if (!check_node(key, json_array_get_element(array, i), error))
        return FALSE;
    }
    return TRUE;
  }
  if (JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING)
    return berth_emit_check_text(key, json_node_get_string(node), error);
  return TRUE;
}

gboolean berth_emit_check_props(JsonObject *props, GError **error) {
  g_autoptr(GList) members = json_object_get_members(props);
  for (GList *m = members; m != NULL; m = m->next) {
    if (!check_node(m->data, json_object_get_member(props, m->data), error))
      return FALSE;
  }
  return TRUE;
}
