/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/encoding.h"

#include <string.h>

#include "base/file.h"

/* How a document begins that is not in an ASCII-like encoding (XML 1.0, appendix F). Longer ones first: the mark of UTF-32LE begins
 * with that of UTF-16LE. */
static const struct {
  const char *encoding;
  const char *begin;
  guint8 length;
  guint8 mark; /* bytes of it that are a byte order mark */
} beginnings[] = {
    {"UTF-32LE", "\xff\xfe\0\0", 4, 4}, {"UTF-32BE", "\0\0\xfe\xff", 4, 4}, {"UTF-32LE", "<\0\0\0", 4, 0},
    {"UTF-32BE", "\0\0\0<", 4, 0},      {"UTF-16LE", "<\0", 2, 0},          {"UTF-16BE", "\0<", 2, 0},
    {"UTF-16LE", "\xff\xfe", 2, 2},     {"UTF-16BE", "\xfe\xff", 2, 2},
};

/* A declaration is at most this long; more would be no declaration worth reading. */
#define MAX_DECLARATION 1024

static GBytes *fail(GError **error, const char *file, guint line, const char *what, const char *detail) {
  g_autofree char *shown = g_strescape(detail, NULL);

  g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s:%u: %s '%s'", file, line, what, shown);
  return NULL;
}

/* Finds encoding's value in the XML declaration at the start of @data. FALSE: there is none. */
static gboolean find_declared(const char *data, gsize size, gsize *start, gsize *end) {
  if (size < 6 || memcmp(data, "<?xml", 5) != 0 || !g_ascii_isspace(data[5]))
    return FALSE;
  g_autofree char *head = g_strndup(data, MIN(size, MAX_DECLARATION));
  char *close = strstr(head, "?>");
  if (close == NULL)
    return FALSE;
  *close = '\0';

  g_autoptr(GRegex) pattern = g_regex_new("\\sencoding\\s*=\\s*([\"'])([A-Za-z][A-Za-z0-9._-]*)\\1", G_REGEX_RAW, 0, NULL);
  g_autoptr(GMatchInfo) match = NULL;
  int from = 0, to = 0;
  if (!g_regex_match(pattern, head, 0, &match) || !g_match_info_fetch_pos(match, 2, &from, &to))
    return FALSE;
  *start = (gsize)from;
  *end = (gsize)to;
  return TRUE;
}

/* @data in @encoding as UTF-8, with the declaration saying so. */
static GBytes *convert(const char *data, gsize size, const char *encoding, const char *file, GError **error) {
  gsize length = 0, start = 0, end = 0;
  g_autoptr(GError) cause = NULL;
  g_autofree char *text = g_convert(data, (gssize)size, "UTF-8", encoding, NULL, &length, &cause);

  if (text == NULL) {
    gboolean known = g_error_matches(cause, G_CONVERT_ERROR, G_CONVERT_ERROR_ILLEGAL_SEQUENCE) ||
                     g_error_matches(cause, G_CONVERT_ERROR, G_CONVERT_ERROR_PARTIAL_INPUT);
    return fail(error, file, 1, known ? "bytes that are not valid in the encoding" : "unknown encoding", encoding);
  }
  if (!find_declared(text, length, &start, &end))
    return g_bytes_new_take(g_steal_pointer(&text), length);
  g_autoptr(GByteArray) out = g_byte_array_new();
  g_byte_array_append(out, (const guint8 *)text, (guint)start);
  g_byte_array_append(out, (const guint8 *)"UTF-8", 5);
  g_byte_array_append(out, (const guint8 *)text + end, (guint)(length - end));
  return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static GBytes *decode(GBytes *bytes, const char *file, GError **error) {
  gsize size = 0, start = 0, end = 0;
  const char *data = g_bytes_get_data(bytes, &size);

  for (guint i = 0; i < G_N_ELEMENTS(beginnings); i++)
    if (size >= beginnings[i].length && memcmp(data, beginnings[i].begin, beginnings[i].length) == 0)
      return convert(data + beginnings[i].mark, size - beginnings[i].mark, beginnings[i].encoding, file, error);
  if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) /* the mark outweighs the declaration */
    return g_bytes_ref(bytes);
  if (!find_declared(data, size, &start, &end))
    return g_bytes_ref(bytes);
  g_autofree char *declared = g_strndup(data + start, end - start);
  if (g_ascii_strcasecmp(declared, "UTF-8") == 0 || g_ascii_strcasecmp(declared, "UTF8") == 0)
    return g_bytes_ref(bytes);
  return convert(data, size, declared, file, error);
}

/* Most documents are: that is seen eight bytes at a time, UTF-8 one by one. */
static gboolean is_ascii(const char *data, gsize size) {
  guint64 word = 0, all = 0;
  gsize i = 0;

  for (; size - i >= sizeof word; i += sizeof word) {
    memcpy(&word, data + i, sizeof word);
    all |= word;
  }
  for (; i < size; i++)
    all |= (guint8)data[i];
  return (all & G_GUINT64_CONSTANT(0x8080808080808080)) == 0;
}

GBytes *berth_xml_encoding_to_utf8(GBytes *bytes, const char *file, GError **error) {
  g_autoptr(GBytes) utf8 = decode(bytes, file, error);
  if (utf8 == NULL)
    return NULL;

  gsize size = 0;
  const char *data = g_bytes_get_data(utf8, &size);
  const char *nul = size > 0 ? memchr(data, '\0', size) : NULL;
  if (nul != NULL) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s:%u: a NUL byte", file,
                berth_base_file_line(data, (gsize)(nul - data)));
    return NULL;
  }
  const char *bad = NULL;
  if (!is_ascii(data, size) && !g_utf8_validate_len(data, size, &bad)) {
    g_set_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT, "%s:%u: bytes that are not valid UTF-8", file,
                berth_base_file_line(data, (gsize)(bad - data)));
    return NULL;
  }
  return g_steal_pointer(&utf8);
}
