/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/lib.h"

#include "assign/remember.h"
#include "document/document.h"
#include "families/families.h"
#include "kinds/kinds.h"

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

BerthRecord *berth_record_of_domain(const BerthDomain *domain, GError **error) {
  const BerthTables tables = {.elements = berth_kinds_elements, .classify = berth_kinds_classify, .families = berth_families};
  BerthInventory *inventory = berth_document_read(domain->document, berth_kinds_elements, error);
  return inventory != NULL ? berth_assign_record_of(inventory, &tables, error) : NULL;
}

BerthRecord *berth_record_embedded(const BerthDomain *domain, GError **error) {
  return berth_document_embedded(domain->document, error);
}
