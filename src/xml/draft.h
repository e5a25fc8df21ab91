/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing what is new: values and drafts as XML text. Private to xml/. */
#pragma once

#include "base/arena.h"
#include "xml/splice.h"

/* Attributes to be written, each name once, in the order in which they were set. */
typedef struct BerthXmlPair BerthXmlPair;
struct BerthXmlPair {
  const char *name, *value;
  BerthXmlPair *next;
};
typedef struct {
  BerthXmlPair *first, *last;
} BerthXmlPairs;

/* A new element. */
struct BerthXmlDraft {
  BerthArena *arena; /* that it and all that belongs to it is taken from */
  const char *name, *text;
  BerthXmlPairs attributes;
  BerthXmlDrafts children;
  BerthXmlDraft *next;        /* of its list */
  gboolean made;              /* by berth_xml_edits_set(), which finds it again */
  const BerthXmlNode *source; /* what it is a copy of; NULL: nothing */
};

/* How the document is written. */
typedef struct {
  const char *eol;
  char quote;
} BerthXmlStyle;

/* White space in front of an element that is on a line of its own: @length bytes at @text and @deeper levels more. @text NULL:
 * no lines, all in one. */
typedef struct {
  const char *text;
  gsize length;
  guint deeper;
} BerthXmlIndent;

void berth_xml_pairs_set(BerthArena *arena, BerthXmlPairs *pairs, const char *name, const char *value);
const BerthXmlPair *berth_xml_pairs_find(const BerthXmlPairs *pairs, const char *name);
void berth_xml_drafts_append(BerthXmlDrafts *drafts, BerthXmlDraft *draft);
BerthXmlDraft *berth_xml_draft_make(BerthArena *arena, const char *name, gsize length);

/* Appends @value escaped for an attribute in @quote, or for text if @quote is 0. Characters that XML 1.0 cannot hold become U+FFFD.
 */
void berth_xml_escape(GString *out, const char *value, char quote);
/* Appends @text escaped, with the document's line ends, which readers turn into newlines again. */
void berth_xml_escape_text(GString *out, const char *text, const char *eol);
/* Appends " name='value'". */
void berth_xml_pair_write(GString *out, const BerthXmlPair *pair, char quote);
/* Begins a line. */
void berth_xml_indent_write(GString *out, const BerthXmlStyle *style, BerthXmlIndent indent);
/* Appends @draft. @indent is that of its own line, which the caller has begun. */
void berth_xml_draft_write(GString *out, const BerthXmlDraft *draft, const BerthXmlStyle *style, BerthXmlIndent indent);
