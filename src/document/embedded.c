/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "document/embedded.h"

#include <string.h>

#include "document/document.h"

#define FAMILY "urn:berth:record:"

/* The first element of <metadata> that is a record of any version. */
static const BerthXmlNode *any_record(const BerthXmlDocument *document) {
  const BerthXmlNode *metadata = berth_xml_node_child(document->root, "metadata");
  const BerthXmlNode *node = berth_xml_node_child(metadata, NULL);

  while (node != NULL && (node->ns == NULL || !g_str_has_prefix(node->ns, FAMILY)))
    node = node->next;
  return node;
}

const BerthXmlNode *berth_document_embedded_node(const BerthXmlDocument *document) {
  const BerthXmlNode *node = any_record(document);

  return node != NULL && strcmp(node->ns, BERTH_DOCUMENT_RECORD_NS) == 0 ? node : NULL;
}

BerthRecord *berth_document_embedded(const BerthXmlDocument *document, GError **error) {
  const BerthXmlNode *node = any_record(document);

  if (node == NULL)
    return NULL;
  if (strcmp(node->ns, BERTH_DOCUMENT_RECORD_NS) != 0) {
    berth_xml_error(error, BERTH_ERROR_NEWER, document, node, "the record is of a form that this berth does not know ('%s')",
                    node->ns);
    return NULL;
  }
  g_autofree char *place = g_strdup_printf("%s:%u", document->file, node->line);
  return berth_record_parse(node->text != NULL ? node->text : "", -1, place, error);
}
