/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/plan.h"

void berth_plan_free(BerthPlan *plan) {
  if (plan == NULL)
    return;
  berth_model_inventory_free(plan->inventory);
  berth_record_free(plan->record);
  if (plan->notes != NULL)
    g_ptr_array_unref(plan->notes);
  berth_xml_document_free(plan->document);
  g_free(plan);
}
