/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/scan.h"

#include <string.h>

/*
 * Why not the parser's own positions: libxml2 moves and shrinks its buffer while it parses, and what "the current position" means
 * in a callback differs between its versions. In a document that it has found well-formed, and that has no DOCTYPE, the n-th start
 * tag of the bytes is the n-th start event, and a start tag is delimited by nothing but its quotes.
 */

enum { SPACE = 1, NAME_END = 2 };

/* What ends a name: white space, and what else may come behind one in a tag. */
static const guint8 classes[256] = {
    [' '] = SPACE | NAME_END, ['\t'] = SPACE | NAME_END, ['\n'] = SPACE | NAME_END, ['\r'] = SPACE | NAME_END, ['='] = NAME_END,
    ['/'] = NAME_END,         ['>'] = NAME_END,          ['<'] = NAME_END,          ['"'] = NAME_END,          ['\''] = NAME_END,
};

/* What is passed over: how it begins and ends. */
static const struct { const char *begin, *end; } passed_over[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};

static gboolean starts_with(const BerthXmlScan *scan, gsize position, const char *text) {
  gsize length = strlen(text);

  return scan->size - position >= length && memcmp(scan->data + position, text, length) == 0;
}

/* Behind the next @text from @position on, 0 if there is none. */
static gsize behind(const BerthXmlScan *scan, gsize position, const char *text) {
  gsize length = strlen(text);

  if (position >= scan->size)
    return 0;
  const char *found = memmem(scan->data + position, scan->size - position, text, length);
  return found != NULL ? (gsize)(found - scan->data) + length : 0;
}

/* Moves to the '<' of the next tag. FALSE: there is none, or something that is not closed. */
static gboolean find_tag(BerthXmlScan *scan, gboolean *bad) {
  *bad = FALSE;
  while (scan->position < scan->size) {
    const char *lt = memchr(scan->data + scan->position, '<', scan->size - scan->position);
    guint i = 0;

    if (lt == NULL)
      return FALSE;
    scan->position = (gsize)(lt - scan->data);
    if (scan->size - scan->position < 2 || (lt[1] != '!' && lt[1] != '?'))
      return TRUE;
    while (i < G_N_ELEMENTS(passed_over) && !starts_with(scan, scan->position, passed_over[i].begin))
      i++;
    if (i == G_N_ELEMENTS(passed_over))
      return TRUE;
    gsize next = behind(scan, scan->position + strlen(passed_over[i].begin), passed_over[i].end);
    if (next == 0) {
      *bad = TRUE;
      return FALSE;
    }
    scan->position = next;
  }
  return FALSE;
}

static gsize name_end(const BerthXmlScan *scan, gsize position) {
  while (position < scan->size && (classes[(guint8)scan->data[position]] & NAME_END) == 0)
    position++;
  return position;
}

static gsize skip_space(const BerthXmlScan *scan, gsize position) {
  while (position < scan->size && (classes[(guint8)scan->data[position]] & SPACE) != 0)
    position++;
  return position;
}

static gboolean is_at(const BerthXmlScan *scan, gsize position, char c) {
  return position < scan->size && scan->data[position] == c;
}

/* The next attribute of a start tag from @position on, and moves that behind it. FALSE: no more. */
static gboolean next_attribute(const BerthXmlScan *scan, gsize *position, BerthXmlAttribute *attribute) {
  gsize start = skip_space(scan, *position), end = name_end(scan, start), at = skip_space(scan, end);

  if (end == start || !is_at(scan, at, '='))
    return FALSE;
  at = skip_space(scan, at + 1);
  if (!is_at(scan, at, '"') && !is_at(scan, at, '\''))
    return FALSE;
  const char *quote = memchr(scan->data + at + 1, scan->data[at], scan->size - at - 1);
  if (quote == NULL)
    return FALSE;
  gsize behind_value = (gsize)(quote - scan->data);
  attribute->content = (BerthXmlRange){(guint)at + 1, (guint)behind_value};
  attribute->range = (BerthXmlRange){(guint)start, (guint)behind_value + 1};
  *position = behind_value + 1;
  return TRUE;
}

BerthXmlTag berth_xml_scan_next(BerthXmlScan *scan, GArray *attributes) {
  BerthXmlTag tag = {.kind = BERTH_XML_SCAN_END};
  gboolean bad = FALSE;

  g_array_set_size(attributes, 0);
  if (!find_tag(scan, &bad)) {
    tag.kind = bad ? BERTH_XML_SCAN_BAD : BERTH_XML_SCAN_END;
    return tag;
  }
  gboolean close = is_at(scan, scan->position + 1, '/');
  gsize name = scan->position + (close ? 2 : 1), at = name_end(scan, name);
  gboolean named = at > name;
  tag.kind = close ? BERTH_XML_SCAN_CLOSE : BERTH_XML_SCAN_OPEN;
  tag.range.start = (guint)scan->position;

  BerthXmlAttribute attribute = {0};
  while (!close && next_attribute(scan, &at, &attribute)) {
    if (attributes->len == BERTH_XML_MAX_ATTRIBUTES) {
      tag.kind = BERTH_XML_SCAN_CROWDED;
      return tag;
    }
    g_array_append_val(attributes, attribute);
  }
  at = skip_space(scan, at);
  if (!close && is_at(scan, at, '/')) {
    tag.kind = BERTH_XML_SCAN_EMPTY;
    at++;
  }
  if (!named || !is_at(scan, at, '>'))
    tag.kind = BERTH_XML_SCAN_BAD;
  scan->position = MIN(at + 1, scan->size);
  tag.range.end = (guint)scan->position;
  return tag;
}

gboolean berth_xml_scan_is_name(const char *data, guint start, const char *name) {
  gsize length = strlen(name);

  return strncmp(data + start, name, length) == 0 && (classes[(guint8)data[start + length]] & NAME_END) != 0;
}
