/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "document/document.h"

#include <string.h>

static const BerthElement *element_of(const BerthElement *elements, const BerthXmlNode *node) {
  for (guint i = 0; i < BERTH_N_ELEMENTS; i++)
    if (node->ns == NULL && elements[i].name != NULL && strcmp(elements[i].name, node->name) == 0)
      return &elements[i];
  return &elements[BERTH_OTHER];
}

/* libvirt takes the first of two addresses; what the second was meant for is anybody's guess, so none is taken. */
static gboolean read_address(BerthDevice *device, const BerthXmlDocument *document, GError **error) {
  const BerthXmlNode *address = berth_xml_node_child(device->node, "address");
  const BerthXmlNode *second = berth_xml_node_next(address, "address");

  if (address == NULL)
    return TRUE;
  if (second != NULL) {
    g_autofree char *name = berth_model_device_name(device);
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, second, "%s: a second <address>; the first is in line %u", name,
                    address->line);
    return FALSE;
  }
  if (!berth_model_address_parse(&device->written, document, address, error))
    return FALSE;
  const BerthAddressForm *form = berth_model_address_form(device->written.type);
  device->address = device->written;
  if (device->written.given != 0 || form->fields[0].name == NULL)
    device->rule = BERTH_RULE_DOCUMENT;
  return TRUE;
}

static gboolean read_index(BerthDevice *device, const BerthXmlDocument *document, GError **error) {
  const char *type = berth_model_device_get(device, "@type");
  const char *text = berth_model_device_get(device, "@index");
  guint64 index = 0;

  if (type == NULL || *type == '\0') {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, device->node, "controller: no type");
    return FALSE;
  }
  if (text == NULL)
    return TRUE;
  if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT32, &index, NULL)) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, device->node, "controller %s: malformed index '%s'", type, text);
    return FALSE;
  }
  device->index = (gint64)index;
  return TRUE;
}

static gboolean read_device(BerthDevice *device, const BerthXmlDocument *document, guint position, GError **error) {
  if (device->element->id == BERTH_OTHER)
    return TRUE; /* kept as it is; whatever its <address> means */
  if (device->element->id == BERTH_CONTROLLER) {
    if (!read_index(device, document, error))
      return FALSE;
  } else {
    device->index = position;
  }
  return read_address(device, document, error);
}

static gboolean read_devices(BerthInventory *inventory, const BerthXmlNode *devices, const BerthElement *elements, GError **error) {
  guint positions[BERTH_N_ELEMENTS] = {0};

  for (const BerthXmlNode *node = berth_xml_node_child(devices, NULL); node != NULL; node = node->next) {
    const BerthElement *element = element_of(elements, node);
    BerthDevice *device = berth_model_device_new(element, node);
    g_ptr_array_add(inventory->devices, device);
    if (!read_device(device, inventory->document, positions[element->id]++, error))
      return FALSE;
  }
  return TRUE;
}

BerthInventory *berth_document_read(const BerthXmlDocument *document, const BerthElement *elements, GError **error) {
  const BerthXmlNode *root = document->root;

  if (strcmp(root->name, "domain") != 0 || root->ns != NULL) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, root, "the root element is <%s>%s; a domain document has <domain>",
                    root->name, root->ns != NULL ? " in a name space" : "");
    return NULL;
  }
  const BerthXmlNode *devices = berth_xml_node_child(root, "devices");
  const BerthXmlNode *second = berth_xml_node_next(devices, "devices");
  if (second != NULL) {
    berth_xml_error(error, BERTH_ERROR_BAD_INPUT, document, second, "a second <devices>; the first is in line %u", devices->line);
    return NULL;
  }
  g_autoptr(BerthInventory) inventory = berth_model_inventory_new(document, &elements[BERTH_OTHER]);
  return read_devices(inventory, devices, elements, error) ? g_steal_pointer(&inventory) : NULL;
}
