/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* document ↔ inventory; plan → splices. */
#pragma once

#include <berth/error.h>

#include "model/plan.h"

/* The devices of a <domain> in document order, with the addresses that are written. Errors: BAD_INPUT with file and line (root is
 * not <domain>, no <devices> is fine, bad address, controller without type or with a bad index …). @document must outlive it. */
BerthInventory *berth_document_read(const BerthXmlDocument *document, const BerthElement *elements, GError **error);

/* The document with everything the plan set: values, addresses, added devices at the end of <devices> (made if missing); with
 * @embedded (NULL: none) in <metadata>. The very same bytes where nothing changes. (transfer full) */
GBytes *berth_document_write(const BerthPlan *plan, const BerthRecord *embedded);

/* The same without a record, parsed: its nodes know where they were written (xml/splice.h). (transfer full) */
BerthXmlDocument *berth_document_rewrite(const BerthPlan *plan, GError **error);

/* The record in the domain's <metadata>; NULL without error if there is none. */
BerthRecord *berth_document_embedded(const BerthXmlDocument *document, GError **error);
