/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/names.h"

#include <string.h>

#define MAX_NAME 255

static char *strip_copy(const char *text) {
  return g_strstrip(g_strdup(text));
}

const char *berth_lib_name_complaint(const char *name) {
  if (*name == '\0')
    return "is empty";
  if (strlen(name) > MAX_NAME)
    return "is longer than 255 bytes";
  if (g_str_equal(name, ".") || g_str_equal(name, ".."))
    return "is a folder";
  if (strchr(name, '/') != NULL)
    return "contains '/'";
  if (strchr(name, ',') != NULL)
    return "contains ','";
  if (g_uuid_string_is_valid(name))
    return "looks like a uuid";
  for (const char *c = name; *c != '\0'; c = g_utf8_next_char(c))
    if (g_unichar_iscntrl(g_utf8_get_char(c)))
      return "contains a line break or another control character";
  return NULL;
}

const char *berth_lib_name_of(const BerthXmlDocument *document, GError **error) {
  const BerthXmlNode *node = berth_xml_node_child(document->root, "name");
  if (node == NULL) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, document->root, "the domain has no <name>, which a guest needs");
    return NULL;
  }
  const char *name = node->text != NULL ? node->text : "";
  const char *wrong = berth_lib_name_complaint(name);
  if (wrong == NULL)
    return name;
  g_autofree char *start = g_utf8_substring(name, 0, MIN(g_utf8_strlen(name, -1), 40));
  g_autofree char *shown = g_strescape(start, NULL);
  gboolean cut = strlen(start) < strlen(name);
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, node, "name '%s%s' %s; a guest's name cannot", shown, cut ? "…" : "",
                  wrong);
  return NULL;
}

/* 32 hexadecimal digits with any hyphens; lower case with the usual four. NULL: it is none. */
static char *canonical(const char *text) {
  g_autoptr(GString) uuid = g_string_new(NULL);
  for (const char *c = text; *c != '\0'; c++) {
    if (*c == '-')
      continue;
    if (!g_ascii_isxdigit(*c) || uuid->len >= 36)
      return NULL;
    g_string_append_c(uuid, g_ascii_tolower(*c));
    if (uuid->len == 8 || uuid->len == 13 || uuid->len == 18 || uuid->len == 23)
      g_string_append_c(uuid, '-');
  }
  return uuid->len == 36 ? g_string_free(g_steal_pointer(&uuid), FALSE) : NULL;
}

gboolean berth_lib_uuid_of(const BerthXmlDocument *document, char **uuid, GError **error) {
  const BerthXmlNode *node = berth_xml_node_child(document->root, "uuid");
  *uuid = NULL;
  if (node == NULL)
    return TRUE;
  g_autofree char *text = strip_copy(node->text != NULL ? node->text : "");
  *uuid = canonical(text);
  if (*uuid != NULL)
    return TRUE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, node, "uuid '%.40s' is malformed; 32 hexadecimal digits are needed",
                  text);
  return FALSE;
}
