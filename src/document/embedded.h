/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The record inside a domain's <metadata>. Private to document/. */
#pragma once

#include "xml/node.h"

/* One name space for each version of the record's form. */
#define BERTH_DOCUMENT_RECORD_NS "urn:berth:record:1"

/* The element that holds the record; NULL if there is none. */
const BerthXmlNode *berth_document_embedded_node(const BerthXmlDocument *document);
