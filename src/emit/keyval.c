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

static gboolean append_scalar(GString *out, const char *key, json_object *node, GError **error) {
  json_type type = json_object_get_type(node);
  if (out->len > 0)
    g_string_append_c(out, ',');
  g_string_append(out, key);
  g_string_append_c(out, '=');
  if (type == json_type_boolean)
    g_string_append(out, json_object_get_boolean(node) ? "on" : "off");
  else if (type == json_type_int)
    g_string_append_printf(out, "%" G_GINT64_FORMAT, json_object_get_int64(node));
  else if (type == json_type_string) {
    if (!berth_emit_check_text(key, berth_json_string(node), error))
      return FALSE;
    append_doubled(out, berth_json_string(node));
  } else {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s: has a value that QEMU's options cannot say", key);
    return FALSE;
  }
  return TRUE;
}

static gboolean append_node(GString *out, const char *key, json_object *node, GError **error);

static gboolean append_object(GString *out, const char *prefix, json_object *object, GError **error) {
  json_object_object_foreach(object, name, member) {
    g_autofree char *key = prefix[0] != '\0' ? g_strconcat(prefix, ".", name, NULL) : g_strdup(name);
    if (!append_node(out, key, member, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean append_array(GString *out, const char *prefix, json_object *array, GError **error) {
  for (guint i = 0; i < json_object_array_length(array); i++) {
    g_autofree char *key = g_strdup_printf("%s.%u", prefix, i);
    if (!append_node(out, key, json_object_array_get_idx(array, i), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean append_node(GString *out, const char *key, json_object *node, GError **error) {
  if (json_object_is_type(node, json_type_object))
    return append_object(out, key, node, error);
  if (json_object_is_type(node, json_type_array))
    return append_array(out, key, node, error);
  return append_scalar(out, key, node, error);
}

char *berth_emit_keyval(const char *word, json_object *props, GError **error) {
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

static gboolean check_node(const char *key, json_object *node, GError **error) {
  if (json_object_is_type(node, json_type_object))
    return berth_emit_check_props(node, error);
  if (json_object_is_type(node, json_type_array)) {
    for (guint i = 0; i < json_object_array_length(node); i++) {
      if (!check_node(key, json_object_array_get_idx(node, i), error))
        return FALSE;
    }
    return TRUE;
  }
  if (json_object_is_type(node, json_type_string))
    return berth_emit_check_text(key, berth_json_string(node), error);
  return TRUE;
}

gboolean berth_emit_check_props(json_object *props, GError **error) {
  json_object_object_foreach(props, name, member) {
    if (!check_node(name, member, error))
      return FALSE;
  }
  return TRUE;
}
