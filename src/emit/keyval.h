/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one writer of QEMU's "word,key=value" syntax. */
#pragma once

#include "base/json.h"

/* "WORD,k=v,a.b=v,list.0=v": commas in values are doubled, booleans are on/off, nested objects dotted. @word may be NULL.
 * (transfer full) Errors: BAD_INPUT (a control character, a value that keyval cannot say). */
char *berth_emit_keyval(const char *word, json_object *props, GError **error);

/* FALSE if @text has a control character. Errors: BAD_INPUT, with @what named. */
gboolean berth_emit_check_text(const char *what, const char *text, GError **error);
/* The same for every string below @props. */
gboolean berth_emit_check_props(json_object *props, GError **error);

/* chardev-add's arguments as the properties of -chardev; *@word is the back end ("socket"). (transfer full) both */
json_object *berth_emit_chardev(json_object *arguments, char **word, GError **error);
