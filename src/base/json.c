/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json.h"

#include <berth/error.h>
#include <json-c/json_tokener.h>
#include <string.h>

#include "base/file.h"

typedef struct json_tokener Tokener;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Tokener, json_tokener_free)

static void refuse(GError **error, enum json_tokener_error cause, const char *text, gsize at) {

  if (cause == json_tokener_error_depth)
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "JSON nested deeper than %d", BERTH_JSON_MAX_DEPTH);
  else
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "not JSON (line %u: %s)", berth_base_file_line(text, at),
                cause == json_tokener_continue ? "it ends too early" : json_tokener_error_desc(cause));
}

/* json-c's strings may hold a NUL, which everybody else takes for their end. */
static gboolean has_nul(const char *text, gsize size) {
  for (const char *at = text; (at = memchr(at, '\\', size - (gsize)(at - text))) != NULL; at += 2) {
    if ((gsize)(at - text) + 6 <= size && memcmp(at, "\\u0000", 6) == 0)
      return TRUE;
    if ((gsize)(at - text) + 2 >= size)
      return FALSE;
  }
  return FALSE;
}

json_object *berth_json_parse(const char *text, gssize length, GError **error) {
  gsize size = length < 0 ? strlen(text) : (gsize)length;

  if (size > G_MAXINT || !g_utf8_validate_len(text, size, NULL)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "not UTF-8");
    return NULL;
  }
  g_autoptr(Tokener) tokener = json_tokener_new_ex(BERTH_JSON_MAX_DEPTH);
  json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
  g_autoptr(json_object) value = json_tokener_parse_ex(tokener, text, (int)size);
  enum json_tokener_error result = json_tokener_get_error(tokener);
  if (result == json_tokener_continue) { /* a number ends only where something else begins */
    value = json_tokener_parse_ex(tokener, "", 1);
    result = value != NULL ? json_tokener_success : result;
  }
  if (result != json_tokener_success) {
    refuse(error, result, text, result == json_tokener_continue ? size : json_tokener_get_parse_end(tokener));
    return NULL;
  }
  if (has_nul(text, size)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "not JSON that is taken: \\u0000 in a string");
    return NULL;
  }
  if (!json_object_is_type(value, json_type_object)) {
    g_set_error_literal(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "not a JSON object");
    return NULL;
  }
  return g_steal_pointer(&value);
}

const char *berth_json_line(json_object *value) {
  return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

const char *berth_json_pretty(json_object *value) {
  return json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}

json_object *berth_json_member(json_object *object, const char *name) {
  return json_object_is_type(object, json_type_object) ? json_object_object_get(object, name) : NULL;
}

gsize berth_json_length(json_object *value) {
  return json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
}

static json_object *member_of_type(json_object *object, const char *name, json_type type) {
  json_object *member = berth_json_member(object, name);

  return json_object_is_type(member, type) ? member : NULL;
}

const char *berth_json_string(json_object *value) {
  return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

const char *berth_json_member_string(json_object *object, const char *name) {
  return berth_json_string(berth_json_member(object, name));
}

const char *berth_json_member_string_or(json_object *object, const char *name, const char *otherwise) {
  const char *text = berth_json_member_string(object, name);

  return text != NULL ? text : otherwise;
}

json_object *berth_json_member_object(json_object *object, const char *name) {
  return member_of_type(object, name, json_type_object);
}

json_object *berth_json_member_array(json_object *object, const char *name) {
  return member_of_type(object, name, json_type_array);
}

gint64 berth_json_member_int(json_object *object, const char *name, gint64 otherwise) {
  json_object *member = member_of_type(object, name, json_type_int);

  return member != NULL ? json_object_get_int64(member) : otherwise;
}

gboolean berth_json_member_boolean(json_object *object, const char *name, gboolean otherwise) {
  json_object *member = member_of_type(object, name, json_type_boolean);

  return member != NULL ? json_object_get_boolean(member) : otherwise;
}

void berth_json_set(json_object *object, const char *name, json_object *value) {
  json_object_object_add(object, name, value);
}

void berth_json_set_string(json_object *object, const char *name, const char *value) {
  json_object_object_add(object, name, value != NULL ? json_object_new_string(value) : NULL);
}

void berth_json_set_int(json_object *object, const char *name, gint64 value) {
  json_object_object_add(object, name, json_object_new_int64(value));
}

void berth_json_set_boolean(json_object *object, const char *name, gboolean value) {
  json_object_object_add(object, name, json_object_new_boolean(value));
}
