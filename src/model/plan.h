/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The outcome of assignment as data: print it, diff it, store it, apply it. */
#pragma once

#include "model/inventory.h"
#include "model/record.h"

/* Freed by the public berth_plan_free(), in plan.c. */
struct BerthPlan {
  BerthInventory *inventory;  /* every device with its address and the rule that chose it; added ones have no node */
  BerthRecord *record;        /* the new record */
  GPtrArray *notes;           /* char *: warnings for people, one line each; ends with NULL */
  BerthXmlDocument *document; /* owned: what the inventory borrows; NULL: the caller of berth_plan_new() owns it */
  gboolean embed;             /* the document carries the record in its <metadata>; set by lib/ */
};
