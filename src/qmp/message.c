/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/message.h"

#include "qmp/client.h"

/* json-glib's parser recurses without limit: a hostile QEMU could overrun the stack. */
static gboolean too_deep(const char *line, gsize length) {
  guint depth = 0;
  gboolean in_string = FALSE;
  for (gsize i = 0; i < length; i++) {
    char c = line[i];
    if (in_string) {
      if (c == '\\')
        i++;
      else if (c == '"')
        in_string = FALSE;
    } else if (c == '"') {
      in_string = TRUE;
    } else if (c == '{' || c == '[') {
      if (++depth > BERTH_QMP_MAX_DEPTH)
        return TRUE;
    } else if ((c == '}' || c == ']') && depth > 0) {
      depth--;
    }
  }
  return FALSE;
}

JsonObject *berth_qmp_message_parse(const char *line, gsize length, GError **error) {
  if (too_deep(line, length)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "sent JSON nested deeper than %d", BERTH_QMP_MAX_DEPTH);
    return NULL;
  }
  g_autoptr(JsonParser) parser = json_parser_new_immutable();
  if (length == 0 || !g_utf8_validate_len(line, length, NULL) || !json_parser_load_from_data(parser, line, (gssize)length, NULL)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "sent a line that is not JSON");
    return NULL;
  }
  JsonNode *root = json_parser_get_root(parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT(root)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_FAILED, "sent a line that is not a JSON object");
    return NULL;
  }
  return json_object_ref(json_node_get_object(root));
}

/* The member if it is an object; NULL otherwise. */
static JsonObject *member_object(JsonObject *object, const char *name) {
  JsonNode *node = json_object_get_member(object, name);
  return node != NULL && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static const char *member_string(JsonObject *object, const char *name) {
  JsonNode *node = json_object_get_member(object, name);
  return node != NULL && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
}

BerthQmpForm berth_qmp_message_form(JsonObject *message) {
  if (json_object_has_member(message, "return") || member_object(message, "error") != NULL)
    return BERTH_QMP_REPLY;
  if (member_string(message, "event") != NULL)
    return BERTH_QMP_EVENT;
  return member_object(message, "QMP") != NULL ? BERTH_QMP_GREETING : BERTH_QMP_UNKNOWN;
}

gboolean berth_qmp_message_id(JsonObject *message, guint64 *id) {
  JsonNode *node = json_object_get_member(message, "id");
  if (node == NULL || !JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_INT64 || json_node_get_int(node) < 0)
    return FALSE;
  *id = (guint64)json_node_get_int(node);
  return TRUE;
}

/* QEMU's words end up on terminals: no control characters, one line. */
static char *one_line(const char *text) {
  char *line = g_strdup(text);
  for (char *c = line; *c != '\0'; c++) {
    if (g_ascii_iscntrl(*c))
      *c = ' ';
  }
  return g_strchomp(line);
}

static int code_of_class(const char *class) {
  static const struct {
    const char *class;
    int code;
  } codes[] = {
      {"CommandNotFound", BERTH_ERROR_UNSUPPORTED},
      {"DeviceNotFound", BERTH_ERROR_NOT_FOUND},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
    if (g_strcmp0(codes[i].class, class) == 0)
      return codes[i].code;
  }
  return BERTH_ERROR_FAILED;
}

GError *berth_qmp_message_error(JsonObject *message) {
  JsonObject *error = member_object(message, "error");
  if (error == NULL)
    return NULL;
  const char *desc = member_string(error, "desc");
  g_autofree char *line = one_line(desc != NULL ? desc : "refused without a reason");
  return g_error_new(BERTH_ERROR, code_of_class(member_string(error, "class")), "QEMU: %s", line);
}

JsonObject *berth_qmp_message_data(JsonObject *message) {
  return member_object(message, "data");
}

char *berth_qmp_message_command(const char *command, JsonObject *args, guint64 id) {
  g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);
  JsonObject *object = json_object_new();
  json_node_take_object(node, object);
  json_object_set_string_member(object, "execute", command);
  if (args != NULL)
    json_object_set_object_member(object, "arguments", json_object_ref(args));
  json_object_set_int_member(object, "id", (gint64)id);
  g_autofree char *text = json_to_string(node, FALSE);
  return g_strconcat(text, "\n", NULL);
}
