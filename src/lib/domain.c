/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include "document/document.h"

BerthDomain *berth_domain_parse(GBytes *bytes, const char *file, GError **error) {
  BerthXmlDocument *document = berth_xml_document_parse(bytes, file, error);
  if (document == NULL)
    return NULL;
  BerthDomain *domain = g_new0(BerthDomain, 1);
  domain->document = document;
  return domain;
}

void berth_domain_free(BerthDomain *domain) {
  if (domain == NULL)
    return;
  berth_xml_document_free(domain->document);
  g_free(domain);
}

const char *berth_domain_name(const BerthDomain *domain) {
  return berth_xml_node_get(domain->document->root, "name");
}

const char *berth_domain_emulator(const BerthDomain *domain) {
  return berth_xml_node_get(domain->document->root, "devices/emulator");
}

static gboolean is_written(const BerthInventory *inventory, const BerthRecordEntry *entry) {
  for (guint i = 0; i < inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(inventory->devices, i);
    if (device->written.type != BERTH_ADDRESS_NONE && g_str_equal(device->element->name, entry->element) &&
        berth_model_address_equal(&device->written, &entry->address))
      return TRUE;
  }
  return FALSE;
}

BerthRecord *berth_record_of_domain(const BerthDomain *domain, GError **error) {
  const BerthPlanOptions options = {0};
  g_autoptr(BerthPlan) plan = berth_plan_new(domain, &options, error);
  if (plan == NULL)
    return NULL;
  BerthRecord *record = g_steal_pointer(&plan->record);
  /* What the plan itself chose was never what the guest saw. */
  for (guint i = record->entries->len; i-- > 0;) {
    const BerthRecordEntry *entry = g_ptr_array_index(record->entries, i);
    if (entry->address.type == BERTH_ADDRESS_NONE || !is_written(plan->inventory, entry))
      g_ptr_array_remove_index(record->entries, i);
  }
  return record;
}

BerthRecord *berth_record_embedded(const BerthDomain *domain, GError **error) {
  return berth_document_embedded(domain->document, error);
}
