/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "assign/engine.h"

/* The new record of @plan, made when it is asked for the first time; with it, the devices' keys are as they are recorded. Threads
 * may ask at once. (transfer none) */
BerthRecord *berth_assign_record(const BerthPlan *plan);

/* What an earlier document with addresses remembers (--previous), as document/ read it (transfer full): its devices as they are,
 * nothing placed. Controllers and hubs count as added by berth, for nothing says who wrote them. Errors: BAD_INPUT (equal aliases
 * or disk targets, bad controllers). */
BerthRecord *berth_assign_record_of(BerthInventory *read, const BerthTables *tables, GError **error);
