/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "assign/engine.h"

/* What an earlier document with addresses remembers (--previous): its devices as they are, nothing placed. Controllers and hubs
 * count as added by berth, for nothing says who wrote them. Errors: BAD_INPUT (equal aliases or disk targets, bad controllers). */
BerthRecord *berth_assign_record_of(const BerthInventory *inventory, const BerthTables *tables, GError **error);
