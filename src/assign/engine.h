/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine: keep → recall → place → grow → check. Pure. Sees families and kinds only as tables handed to it. */
#pragma once

#include <berth/plan.h>

#include "model/family.h"
#include "model/plan.h"

typedef struct {
  const BerthElement *elements; /* BERTH_N_ELEMENTS rows */
  const BerthKind *(*classify)(const BerthDevice *device);
  const BerthFamily *families; /* ends with type NONE */
} BerthTables;

/* @inventory (transfer full, also in case of an error) is as document/ read it (document order, nothing filled in), and becomes the
 * plan's. Errors: as berth_plan_new(). */
BerthPlan *berth_assign_plan(BerthInventory *inventory, const BerthTables *tables, const BerthPlanOptions *options, GError **error);
