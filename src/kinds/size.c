/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sizes and sets of numbers as the domain format writes them. */
#include "kinds/build.h"

#include <errno.h>
#include <string.h>

static const struct {
  const char *name;
  guint64 bytes;
} units[] = {
    {"b", 1},         {"bytes", 1},          {"KB", 1000},      {"k", 1024},         {"KiB", 1024},
    {"MB", 1000000},  {"M", 1 << 20},        {"MiB", 1 << 20},  {"GB", 1000000000},  {"G", 1 << 30},
    {"GiB", 1 << 30}, {"TB", 1000000000000}, {"T", 1ULL << 40}, {"TiB", 1ULL << 40},
};

static guint64 unit_bytes(const char *name) {
  for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
    if (g_ascii_strcasecmp(units[i].name, name) == 0)
      return units[i].bytes;
  }
  return 0;
}

gboolean berth_kinds_size(const BerthBuild *build, const BerthXmlNode *node, const char *text, const char *unit, guint64 *bytes,
                          GError **error) {
  g_autofree char *number = g_strstrip(g_strdup(text != NULL ? text : ""));
  const char *written = berth_xml_node_get(node, "@unit");
  guint64 each = unit_bytes(written != NULL ? written : unit), count = 0;
  char *end = NULL;
  errno = 0;
  count = g_ascii_strtoull(number, &end, 10);
  if (each == 0 || errno != 0 || end == number || *end != '\0' || number[0] == '-' || count > (guint64)G_MAXINT64 / each) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, node, "<%s>: '%s' is not a size",
                    node != NULL ? node->name : "domain", number);
    return FALSE;
  }
  *bytes = count * each;
  return TRUE;
}

gboolean berth_kinds_kib(const BerthBuild *build, const BerthXmlNode *node, const char *text, guint64 *kib, GError **error) {
  guint64 bytes = 0;
  if (!berth_kinds_size(build, node, text, "KiB", &bytes, error))
    return FALSE;
  *kib = bytes / 1024 + (bytes % 1024 != 0);
  return TRUE;
}

guint64 berth_kinds_memory_kib(const BerthXmlDocument *document, const char *element) {
  const BerthBuild build = {.document = document};
  const BerthXmlNode *node = berth_xml_node_child(document->root, element);
  guint64 kib = 0;
  return node != NULL && berth_kinds_kib(&build, node, node->text, &kib, NULL) ? kib : 0;
}

/* "3", "0-5" or "^4" into @member. */
static gboolean apply_range(const char *text, GByteArray *member) {
  gboolean in = text[0] != '^';
  char *end = NULL;
  const char *start = in ? text : text + 1;
  if (!g_ascii_isdigit(start[0]))
    return FALSE;
  guint64 first = g_ascii_strtoull(start, &end, 10), last = first;
  if (*end == '-' && g_ascii_isdigit(end[1]))
    last = g_ascii_strtoull(end + 1, &end, 10);
  if (*end != '\0' || last < first || last >= BERTH_KINDS_MAX_SET)
    return FALSE;
  if (last >= member->len) {
    guint before = member->len;
    g_byte_array_set_size(member, (guint)last + 1);
    memset(member->data + before, 0, member->len - before);
  }
  memset(member->data + first, in, last - first + 1);
  return TRUE;
}

GByteArray *berth_kinds_set(const BerthBuild *build, const BerthXmlNode *node, const char *text, GError **error) {
  g_autoptr(GByteArray) member = g_byte_array_new();
  g_auto(GStrv) ranges = g_strsplit(text, ",", -1);
  for (guint i = 0; ranges[i] != NULL; i++) {
    if (apply_range(g_strstrip(ranges[i]), member))
      continue;
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, node, "<%s>: '%s' is not a set of numbers", node->name, text);
    return NULL;
  }
  return g_steal_pointer(&member);
}

gboolean berth_kinds_count(const BerthBuild *build, const char *name, const char *text, guint64 *count, GError **error) {
  g_autofree char *number = g_strstrip(g_strdup(text));
  char *end = NULL;
  *count = g_ascii_strtoull(number, &end, 10);
  if (end != number && *end == '\0' && number[0] != '-' && *count > 0 && *count <= 65535)
    return TRUE;
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, build->document, berth_xml_node_child(build->document->root, name),
                  "<%s>: '%s' is not a count from 1 to 65535", name, number);
  return FALSE;
}
