/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON is json-c's; this is what berth does with it again and again. A json_object is a value of any type, null is NULL. Each of
 * these takes NULL, and what is no object has no members.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

static inline void berth_json_unref(json_object *value) {
  json_object_put(value);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, berth_json_unref)

/* The object that the @length bytes at @text are (-1: up to its 0), as json-c's strict mode has it: RFC 8259, and beyond that NaN,
 * names in single quotes and control characters in strings. (transfer full) Errors: BERTH_ERROR_BAD_INPUT: "not UTF-8", "not JSON
 * (line 3: …)", "not a JSON object", "JSON nested deeper than BERTH_JSON_MAX_DEPTH". */
#define BERTH_JSON_MAX_DEPTH 128
json_object *berth_json_parse(const char *text, gssize length, GError **error);
/* @value on one line, or with each member and element on its own; no newline at the end. It lives as long as @value, or until
 * that is asked for again. */
const char *berth_json_line(json_object *value);
const char *berth_json_pretty(json_object *value);

/* The elements of an array, 0 of anything else. */
gsize berth_json_length(json_object *value);

/* The member, NULL if there is none (or it is null). */
json_object *berth_json_member(json_object *object, const char *name);
/* The value if it is a string, NULL otherwise. */
const char *berth_json_string(json_object *value);
/* The member if it is of that type, NULL or @otherwise if not. */
const char *berth_json_member_string(json_object *object, const char *name);
const char *berth_json_member_string_or(json_object *object, const char *name, const char *otherwise);
json_object *berth_json_member_object(json_object *object, const char *name);
json_object *berth_json_member_array(json_object *object, const char *name);
gint64 berth_json_member_int(json_object *object, const char *name, gint64 otherwise);
gboolean berth_json_member_boolean(json_object *object, const char *name, gboolean otherwise);

/* Sets a member, in place of the one that is there. @value: (transfer full). A string that is NULL is a null. */
void berth_json_set(json_object *object, const char *name, json_object *value);
void berth_json_set_string(json_object *object, const char *name, const char *value);
void berth_json_set_int(json_object *object, const char *name, gint64 value);
void berth_json_set_boolean(json_object *object, const char *name, gboolean value);
