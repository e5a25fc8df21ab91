/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xml/scan.h"

#include <string.h>

/*
 * Why not the parser's own positions: libxml2 moves and shrinks its buffer while it parses, and what "the current position" means
 * in a callback differs between its versions. In a document that it has found well-formed, and that has no DOCTYPE, the n-th start
 * tag of the bytes is the n-th start event, and a start tag is delimited by nothing but its quotes.
 */

static gboolean is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

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

/* What is passed over: how it begins and ends. */
static const struct { const char *begin, *end; } passed_over[] = {{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}};

/* Moves to the '<' of the next tag. FALSE: there is none, or something that is not closed. */
static gboolean find_tag(BerthXmlScan *scan, gboolean *bad) {
  *bad = FALSE;
  while (scan->position < scan->size) {
    const char *lt = memchr(scan->data + scan->position, '<', scan->size - scan->position);
    guint i = 0;

    if (lt == NULL)
      return FALSE;
    scan->position = (gsize)(lt - scan->data);
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
  while (position < scan->size && !is_space(scan->data[position]) && strchr("=/><\"'", scan->data[position]) == NULL)
    position++;
  return position;
}

static gsize skip_space(const BerthXmlScan *scan, gsize position) {
  while (position < scan->size && is_space(scan->data[position]))
    position++;
  return position;
}

gboolean berth_xml_scan_attribute(const BerthXmlScan *scan, gsize *position, BerthXmlAttribute *attribute, gsize *end) {
  gsize start = skip_space(scan, *position);
  *end = name_end(scan, start);
  gsize at = skip_space(scan, *end);

  if (*end == start || at >= scan->size || scan->data[at] != '=')
    return FALSE;
  at = skip_space(scan, at + 1);
  if (at >= scan->size || (scan->data[at] != '"' && scan->data[at] != '\''))
    return FALSE;
  const char *quote = memchr(scan->data + at + 1, scan->data[at], scan->size - at - 1);
  if (quote == NULL)
    return FALSE;
  attribute->content = (BerthXmlRange){at + 1, (gsize)(quote - scan->data)};
  attribute->range = (BerthXmlRange){start, attribute->content.end + 1};
  *position = attribute->range.end;
  return TRUE;
}

BerthXmlTag berth_xml_scan_next(BerthXmlScan *scan) {
  BerthXmlTag tag = {.kind = BERTH_XML_SCAN_END};
  gboolean bad = FALSE;

  if (!find_tag(scan, &bad)) {
    tag.kind = bad ? BERTH_XML_SCAN_BAD : BERTH_XML_SCAN_END;
    return tag;
  }
  gboolean close = starts_with(scan, scan->position, "</");
  tag.range.start = scan->position;
  tag.name.start = scan->position + (close ? 2 : 1);
  tag.name.end = name_end(scan, tag.name.start);
  tag.kind = close ? BERTH_XML_SCAN_CLOSE : BERTH_XML_SCAN_OPEN;

  BerthXmlAttribute attribute;
  gsize at = tag.name.end, ignored;
  while (!close && berth_xml_scan_attribute(scan, &at, &attribute, &ignored))
    tag.n_attributes++;
  at = skip_space(scan, at);
  if (!close && at < scan->size && scan->data[at] == '/') {
    tag.kind = BERTH_XML_SCAN_EMPTY;
    at++;
  }
  if (at >= scan->size || scan->data[at] != '>' || tag.name.end == tag.name.start)
    tag.kind = BERTH_XML_SCAN_BAD;
  tag.range.end = scan->position = MIN(at + 1, scan->size);
  return tag;
}
