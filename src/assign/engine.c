/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "assign/engine.h"

#include "assign/flavour.h"
#include "assign/stages.h"

/* What a device is may depend on what was filled in. */
static void classify(const BerthAssignment *assignment) {
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    BerthDevice *device = assignment->inventory->devices->pdata[i];
    if (!device->changed)
      continue;
    device->kind = assignment->classify(device);
    device->changed = FALSE;
  }
}

/* Recognises the devices that are new since the last time, and gives them what the record remembers of them. */
static gboolean recognise(BerthAssignment *assignment, BerthRecall *recall, GError **error) {
  classify(assignment);
  return berth_assign_identify(assignment, error) && berth_assign_recall(recall, error);
}

static gboolean assign_families(BerthAssignment *assignment, const BerthFamily *families, gboolean early, GError **error) {
  for (const BerthFamily *family = families; family->type != BERTH_ADDRESS_NONE; family++) {
    if (family->early == early && family->assign != NULL && !family->assign(assignment, error))
      return FALSE;
  }
  return TRUE;
}

static void finish_families(BerthAssignment *assignment, const BerthFamily *families) {
  for (const BerthFamily *family = families; family->type != BERTH_ADDRESS_NONE; family++) {
    if (family->finish != NULL)
      family->finish(assignment->inventory);
  }
}

/* The stages, in libvirt's order (addressing §1.1) with recall in between. */
static gboolean run(BerthAssignment *assignment, BerthRecall *recall, const BerthTables *tables, const BerthPlanOptions *options,
                    GError **error) {
  berth_assign_flavour_spelling(assignment);
  if (!berth_assign_order(assignment, error) || !berth_assign_machine(assignment, options, error))
    return FALSE;
  berth_assign_flavour_note(assignment, options);
  if (!berth_assign_check_controllers(assignment, error) || !berth_assign_defaults(assignment, error) ||
      !recognise(assignment, recall, error))
    return FALSE;
  if (!assign_families(assignment, tables->families, TRUE, error) || !berth_assign_builtin(assignment, error) ||
      !berth_assign_implied(assignment, error) || !berth_assign_defaults(assignment, error) ||
      !recognise(assignment, recall, error))
    return FALSE;
  /* What the record brought back may be anything. */
  if (assignment->record != NULL && !berth_assign_check_controllers(assignment, error))
    return FALSE;
  berth_assign_macs(assignment);
  if (!assign_families(assignment, tables->families, FALSE, error))
    return FALSE;
  classify(assignment);
  finish_families(assignment, tables->families);
  return berth_assign_check(assignment, error);
}

static int by_element(gconstpointer a, gconstpointer b) {
  const BerthDevice *const *one = a, *const *other = b;
  return (int)(*one)->element->id - (int)(*other)->element->id;
}

BerthPlan *berth_assign_plan(BerthInventory *inventory, const BerthTables *tables, const BerthPlanOptions *options,
                             GError **error) {
  static const BerthPlanOptions no_options = {0};
  if (options == NULL)
    options = &no_options;
  g_autoptr(BerthInventory) owned = inventory;
  g_autoptr(GPtrArray) notes = g_ptr_array_new_with_free_func(g_free);
  BerthAssignment assignment = {.inventory = inventory,
                                .facts = options->facts,
                                .record = options->record,
                                .elements = tables->elements,
                                .classify = tables->classify,
                                .notes = notes,
                                .pcie_ports = options->pcie_ports,
                                .running = options->running};
  classify(&assignment);
  g_autoptr(BerthRecall) recall = berth_assign_recall_new(&assignment, tables, options);
  if (!run(&assignment, recall, tables, options, error))
    return NULL;
  berth_assign_ids(&assignment);
  g_ptr_array_add(notes, NULL);
  /* Between elements, the order says only when the engine met them: what was recalled comes earlier than what was made. Sorted
   * (GLib's sort is stable), a document that is planned again with its record is written as it was the first time. */
  g_ptr_array_sort(inventory->devices, by_element);

  BerthPlan *plan = g_new0(BerthPlan, 1);
  berth_assign_recall_end(recall);
  plan->recall = g_steal_pointer(&recall);
  plan->inventory = g_steal_pointer(&owned);
  plan->notes = g_steal_pointer(&notes);
  return plan;
}

void berth_plan_free(BerthPlan *plan) {
  if (plan == NULL)
    return;
  berth_assign_recall_free(plan->recall);
  berth_model_inventory_free(plan->inventory);
  if (plan->notes != NULL)
    g_ptr_array_unref(plan->notes);
  berth_xml_document_free(plan->document);
  g_free(plan);
}
