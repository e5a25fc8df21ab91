/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/remember.h"
#include "kinds/abi.h"
#include "lib/lib.h"

GPtrArray *berth_plan_diff(const BerthPlan *was, const BerthPlan *now) {
  /* Devices are told apart by their keys, which are made with the record. */
  berth_assign_record(was);
  berth_assign_record(now);
  return berth_kinds_abi_diff(was->inventory, now->inventory);
}
