/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kinds/abi.h"
#include "lib/lib.h"

GPtrArray *berth_plan_diff(const BerthPlan *was, const BerthPlan *now) {
  return berth_kinds_abi_diff(was->inventory, now->inventory);
}
