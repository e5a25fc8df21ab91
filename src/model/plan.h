/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The outcome of assignment as data: print it, diff it, store it, apply it. Made and freed in assign/engine.c. */
#pragma once

#include "model/inventory.h"
#include "model/record.h"

typedef struct BerthRecall BerthRecall;

struct BerthPlan {
  BerthInventory *inventory;  /* every device with its address and the rule that chose it; added ones have no node */
  BerthRecall *recall;        /* what the new record is made from when it is asked for: berth_assign_record() */
  GPtrArray *notes;           /* char *: warnings for people, one line each; ends with NULL */
  BerthXmlDocument *document; /* owned: what the inventory borrows; NULL: the caller of berth_plan_new() owns it */
  gboolean embed;             /* the document carries the record in its <metadata>; set by lib/ */
};
