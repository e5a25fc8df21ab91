/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp/message.h"

#include "qmp/client.h"

json_object *berth_qmp_message_parse(const char *line, gsize length, GError **error) {
  g_autoptr(GError) cause = NULL;
  json_object *message = berth_json_parse(line, (gssize)length, &cause);
  if (message == NULL)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_FAILED, "sent a line that is %s", cause->message);
  return message;
}

BerthQmpForm berth_qmp_message_form(json_object *message) {
  if (json_object_object_get_ex(message, "return", NULL) || berth_json_member_object(message, "error") != NULL)
    return BERTH_QMP_REPLY;
  if (berth_json_member_string(message, "event") != NULL)
    return BERTH_QMP_EVENT;
  return berth_json_member_object(message, "QMP") != NULL ? BERTH_QMP_GREETING : BERTH_QMP_UNKNOWN;
}

gboolean berth_qmp_message_id(json_object *message, guint64 *id) {
  json_object *node = berth_json_member(message, "id");
  if (!json_object_is_type(node, json_type_int) || json_object_get_int64(node) < 0)
    return FALSE;
  *id = (guint64)json_object_get_int64(node);
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

GError *berth_qmp_message_error(json_object *message) {
  json_object *error = berth_json_member_object(message, "error");
  if (error == NULL)
    return NULL;
  const char *desc = berth_json_member_string(error, "desc");
  g_autofree char *line = one_line(desc != NULL ? desc : "refused without a reason");
  return g_error_new(BERTH_ERROR, code_of_class(berth_json_member_string(error, "class")), "QEMU: %s", line);
}

json_object *berth_qmp_message_data(json_object *message) {
  return berth_json_member_object(message, "data");
}

char *berth_qmp_message_command(const char *command, json_object *args, guint64 id) {
  g_autoptr(json_object) object = json_object_new_object();
  berth_json_set_string(object, "execute", command);
  if (args != NULL)
    berth_json_set(object, "arguments", json_object_get(args));
  berth_json_set_int(object, "id", (gint64)id);
  return g_strconcat(berth_json_line(object), "\n", NULL);
}
