/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes over a QMP connection, without the connection (QEMU docs/interop/qmp-spec). Pure. */
#pragma once

#include <berth/error.h>
#include "base/json.h"

typedef enum { BERTH_QMP_GREETING, BERTH_QMP_EVENT, BERTH_QMP_REPLY, BERTH_QMP_UNKNOWN } BerthQmpForm;

/* One line as an object. (transfer full) Errors: FAILED, as the end of a sentence that begins with the sender: not UTF-8, not JSON,
 * not an object, nested deeper than BERTH_JSON_MAX_DEPTH. */
json_object *berth_qmp_message_parse(const char *line, gsize length, GError **error);

/* A REPLY has "return" or "error" (an object); an EVENT has "event" (a string). */
BerthQmpForm berth_qmp_message_form(json_object *message);

/* The reply's id, as berth_qmp_message_command() gave it. FALSE: it has none, or one that is not a whole number. */
gboolean berth_qmp_message_id(json_object *message, guint64 *id);

/* What a reply's "error" says, as berth_qmp_execute() reports it; NULL if it has none. (transfer full) */
GError *berth_qmp_message_error(json_object *message);

/* An event's data; NULL if it has none. (transfer none) */
json_object *berth_qmp_message_data(json_object *message);

/* {"execute": @command, "arguments": @args, "id": @id} as a line with its newline. @args may be NULL. (transfer full) */
char *berth_qmp_message_command(const char *command, json_object *args, guint64 id);
