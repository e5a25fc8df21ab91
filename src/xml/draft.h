/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing what is new: values and drafts as XML text. Private to xml/. */
#pragma once

#include "xml/splice.h"

/* How the document is written. */
typedef struct {
  const char *eol;
  char quote;
} BerthXmlStyle;

/* Appends @value escaped for an attribute in @quote, or for text if @quote is 0. Characters that XML 1.0 cannot hold become U+FFFD.
 */
void berth_xml_escape(GString *out, const char *value, char quote);

/* Appends @text escaped, with the document's line ends, which readers turn into newlines again. */
void berth_xml_escape_text(GString *out, const char *text, const char *eol);

/* Appends @draft. @indent (NULL: all on one line) is that of its own line, which the caller has begun. */
void berth_xml_draft_write(GString *out, const BerthXmlDraft *draft, const BerthXmlStyle *style, const char *indent);

/* One level more than @indent. (transfer full) */
char *berth_xml_indent_deeper(const char *indent);
