/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include "assign/remember.h"
#include "document/document.h"
#include "families/families.h"
#include "kinds/kinds.h"

BerthPlan *berth_lib_plan(const BerthXmlDocument *document, const BerthPlanOptions *options, GError **error) {
  const BerthTables tables = {.elements = berth_kinds_elements, .classify = berth_kinds_classify, .families = berth_families};
  BerthInventory *inventory = berth_document_read(document, berth_kinds_elements, error);
  if (inventory == NULL)
    return NULL;
  BerthPlan *plan = berth_assign_plan(inventory, &tables, options, error);
  if (plan == NULL)
    return NULL;
  plan->embed = options != NULL && options->embed;
  return plan;
}

BerthPlan *berth_plan_new(const BerthDomain *domain, const BerthPlanOptions *options, GError **error) {
  return berth_lib_plan(domain->document, options, error);
}

GBytes *berth_plan_document(const BerthPlan *plan) {
  return berth_document_write(plan, plan->embed ? berth_assign_record(plan) : NULL);
}

const BerthRecord *berth_plan_record(const BerthPlan *plan) {
  return berth_assign_record(plan);
}

const char *const *berth_plan_notes(const BerthPlan *plan) {
  return (const char *const *)plan->notes->pdata;
}

void berth_row_free(BerthRow *row) {
  if (row == NULL)
    return;
  g_free(row->device);
  g_free(row->kind);
  g_free(row->identity);
  g_free(row->id);
  g_free(row->address);
  g_free(row->was);
  g_free(row->rule);
  g_free(row->path);
  g_free(row->actual);
  g_free(row->state);
  g_free(row->backend);
  g_free(row);
}

static char *text(const char *value) {
  return g_strdup(value != NULL ? value : "");
}

static char *place(const BerthAddress *address) {
  return address->type != BERTH_ADDRESS_NONE ? berth_model_address_to_string(address) : g_strdup("");
}

const char *berth_lib_identity(const BerthDevice *device) {
  for (guint i = 0; device->keys != NULL && i < device->keys->len; i++) {
    const char *key = g_array_index(device->keys, BerthKey, i).text;
    if (berth_lib_key_speaks(key))
      return key;
  }
  return "";
}

BerthRow *berth_lib_row_empty(void) {
  BerthRow *row = g_new0(BerthRow, 1);
  char **members[] = {&row->device, &row->kind, &row->identity, &row->id,    &row->address, &row->was,
                      &row->rule,   &row->path, &row->actual,   &row->state, &row->backend};
  for (gsize i = 0; i < G_N_ELEMENTS(members); i++)
    *members[i] = text("");
  row->guest_bus = -1;
  return row;
}

BerthRow *berth_lib_row_new(const BerthPlan *plan, const BerthDevice *device) {
  BerthRow *row = g_new0(BerthRow, 1);
  berth_assign_record(plan); /* the device's keys */
  row->device = text(device->element->name);
  row->kind = device->element->variant != NULL ? device->element->variant(device) : text("");
  row->identity = text(berth_lib_identity(device));
  row->id = text(device->id);
  row->address = place(&device->address);
  row->was = place(&device->written);
  row->rule = text(device->rule != BERTH_RULE_NONE ? berth_model_rule_name(device->rule) : "");
  row->path = text(device->path);
  row->guest_bus = device->guest_bus;
  row->actual = text("");
  row->state = text("");
  row->backend = text("");
  return row;
}

gboolean berth_lib_row_shown(const BerthDevice *device) {
  return device->address.type != BERTH_ADDRESS_NONE || device->kind != NULL || device->element->id == BERTH_CONTROLLER;
}

GPtrArray *berth_plan_rows(const BerthPlan *plan) {
  GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)berth_row_free);
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (berth_lib_row_shown(device))
      g_ptr_array_add(rows, berth_lib_row_new(plan, device));
  }
  return rows;
}
