/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Finds the tags in the bytes of an XML document. Private to xml/. */
#pragma once

#include "xml/node.h"

/* libxml2 compares each attribute of a tag with each other one; more than this is an attack. */
#define BERTH_XML_MAX_ATTRIBUTES 1024

typedef enum {
  BERTH_XML_SCAN_END,
  BERTH_XML_SCAN_OPEN,
  BERTH_XML_SCAN_EMPTY,
  BERTH_XML_SCAN_CLOSE,
  BERTH_XML_SCAN_CROWDED, /* a start tag of more than BERTH_XML_MAX_ATTRIBUTES */
  BERTH_XML_SCAN_BAD,
} BerthXmlScanKind;

typedef struct {
  const char *data;
  gsize size;
  gsize position; /* behind the last tag */
} BerthXmlScan;

typedef struct {
  BerthXmlScanKind kind;
  BerthXmlRange range; /* '<' to behind '>'; of a tag that is CROWDED only its start */
} BerthXmlTag;

/* The next tag; @attributes (BerthXmlAttribute) becomes its attributes in order, without name and value. Comments, processing
 * instructions and CDATA sections are passed over. Safe on any bytes, exact on well-formed documents without DOCTYPE; END behind
 * the last tag, BAD where no well-formed document can go on like this. */
BerthXmlTag berth_xml_scan_next(BerthXmlScan *scan, GArray *attributes);

/* Whether @name is what stands in @data from @start on. */
gboolean berth_xml_scan_is_name(const char *data, guint start, const char *name);
