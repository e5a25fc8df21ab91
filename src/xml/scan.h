/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the tags in the bytes of an XML document. Private to xml/. */
#pragma once

#include "xml/node.h"

typedef enum {
  BERTH_XML_SCAN_END,
  BERTH_XML_SCAN_OPEN,
  BERTH_XML_SCAN_EMPTY,
  BERTH_XML_SCAN_CLOSE,
  BERTH_XML_SCAN_BAD
} BerthXmlScanKind;

typedef struct {
  const char *data;
  gsize size;
  gsize position; /* behind the last tag */
} BerthXmlScan;

typedef struct {
  BerthXmlScanKind kind;
  BerthXmlRange range; /* '<' to behind '>' */
  BerthXmlRange name;
  guint n_attributes;
} BerthXmlTag;

/* The next tag; comments, processing instructions and CDATA sections are passed over. Safe on any bytes, exact on well-formed
 * documents without DOCTYPE; END behind the last tag, BAD where no well-formed document can go on like this. */
BerthXmlTag berth_xml_scan_next(BerthXmlScan *scan);

/* The next attribute of the start tag from @position on (at first the end of the tag's name); FALSE: no more. Sets both ranges
 * and @name's end (name's start is attribute->range.start), and moves @position behind it. */
gboolean berth_xml_scan_attribute(const BerthXmlScan *scan, gsize *position, BerthXmlAttribute *attribute, gsize *name_end);
