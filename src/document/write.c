/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "document/document.h"

#include <string.h>

#include "document/embedded.h"
#include "xml/splice.h"

/* A device's new address and the <address> that is there. */
typedef struct {
  BerthXmlEdits *edits;
  const BerthXmlNode *node;
  const BerthAddress *address, *written;
  guint printed; /* bit per field of the new address */
} AddressEdit;

static void draft_attribute(const char *name, const char *value, gpointer data) {
  berth_xml_draft_attribute(data, name, value);
}

/* The index of the field called @name; that of the end of the list for "type". */
static guint field_of(const BerthAddressForm *form, const char *name) {
  guint i = 0;

  while (form->fields[i].name != NULL && strcmp(form->fields[i].name, name) != 0)
    i++;
  return i;
}

/* Fields that already say so stay as they are written ("0x3" does not become "0x03"), also where they are left out, being 0. */
static void edit_attribute(const char *name, const char *value, gpointer data) {
  AddressEdit *edit = data;
  const BerthAddressForm *form = berth_model_address_form(edit->address->type);
  guint i = field_of(form, name);
  gboolean is_field = form->fields[i].name != NULL;

  if (is_field) {
    edit->printed |= 1u << i;
    if (edit->written->type == edit->address->type && (edit->written->given & 1u << i) != 0 &&
        edit->written->value[i] == edit->address->value[i])
      return;
  }
  g_autofree char *path = g_strconcat("@", name, NULL);
  berth_xml_edits_set(edit->edits, edit->node, path, value);
}

/* Attributes of the old address that the new one does not have. */
static void drop_attributes(AddressEdit *edit) {
  const BerthAddressForm *form = berth_model_address_form(edit->address->type);
  const BerthAddressForm *old = berth_model_address_form(edit->written->type);

  for (guint i = 0; old != NULL && old->fields[i].name != NULL; i++) {
    guint now = field_of(form, old->fields[i].name);
    if (form->fields[now].name == NULL || (edit->printed & 1u << now) == 0)
      berth_xml_edits_remove_attribute(edit->edits, edit->node, old->fields[i].name);
  }
}

static gboolean same_address(const BerthAddress *a, const BerthAddress *b) {
  return a->type == b->type && a->given == b->given && memcmp(a->value, b->value, sizeof a->value) == 0;
}

static BerthXmlDraft *draft_address(BerthXmlEdits *edits, const BerthAddress *address) {
  BerthXmlDraft *draft = berth_xml_draft_new(edits, "address");

  berth_model_address_print(address, draft_attribute, draft);
  return draft;
}

/* The first console is the first serial port once more, if it is one: it shows the address of that, as libvirt does. */
static const BerthAddress *shown_address(const GPtrArray *all, guint i) {
  const BerthDevice *device = g_ptr_array_index(all, i);

  if (device->element->id != BERTH_CONSOLE || !berth_model_device_is(device, "target/@type", "serial"))
    return &device->address;
  for (guint k = 0; k < all->len; k++) {
    const BerthDevice *other = g_ptr_array_index(all, k);
    if (other->element->id == BERTH_SERIAL)
      return &other->address;
  }
  return &device->address;
}

/* An address that means nothing (that of a <memballoon model='none'>) is removed: a reader might take it for a place in use. */
static void write_address(BerthXmlEdits *edits, const BerthDevice *device, const BerthAddress *address) {
  const BerthXmlNode *node = berth_xml_node_child(device->node, "address");

  if (same_address(address, &device->written))
    return;
  if (address->type == BERTH_ADDRESS_NONE) {
    if (node != NULL && device->written.type != BERTH_ADDRESS_NONE)
      berth_xml_edits_replace(edits, node, NULL);
    return;
  }
  if (node == NULL) {
    berth_xml_edits_add(edits, device->node, NULL, draft_address(edits, address));
    return;
  }
  AddressEdit edit = {.edits = edits, .node = node, .address = address, .written = &device->written};
  berth_model_address_print(address, edit_attribute, &edit);
  drop_attributes(&edit);
}

/* The index of a controller is part of what names it, whoever chose it. NULL: nothing to add. (transfer full) */
static char *missing_index(const BerthDevice *device) {
  if (device->element->id != BERTH_CONTROLLER || device->index < 0 || berth_model_device_get(device, "@index") != NULL)
    return NULL;
  return g_strdup_printf("%" G_GINT64_FORMAT, device->index);
}

static void write_sets(BerthXmlEdits *edits, const BerthDevice *device) {
  for (guint i = 0; i < device->sets->len; i++) {
    const BerthSet *set = &g_array_index(device->sets, BerthSet, i);
    if (set->value != NULL)
      berth_xml_edits_set(edits, device->node, set->path, set->value);
  }
}

static void write_device(BerthXmlEdits *edits, const BerthDevice *device, const BerthAddress *address) {
  g_autofree char *index = missing_index(device);

  if (index != NULL)
    berth_xml_edits_set(edits, device->node, "@index", index);
  write_sets(edits, device);
  write_address(edits, device, address);
}

static BerthXmlDraft *draft_device(BerthXmlEdits *edits, const BerthDevice *device, const BerthAddress *address) {
  BerthXmlDraft *draft = berth_xml_draft_new(edits, device->element->name);
  g_autofree char *index = missing_index(device);

  for (guint i = 0; i < device->sets->len; i++) {
    const BerthSet *set = &g_array_index(device->sets, BerthSet, i);
    if (set->value != NULL)
      berth_xml_draft_set(draft, set->path, set->value);
  }
  if (index != NULL)
    berth_xml_draft_set(draft, "@index", index);
  if (address->type != BERTH_ADDRESS_NONE)
    berth_xml_draft_add(draft, draft_address(edits, address));
  return draft;
}

/* Puts @draft behind the last of @names that @root has, else at its end. */
static void add_to_root(BerthXmlEdits *edits, const BerthXmlNode *root, const char *const *names, BerthXmlDraft *draft) {
  const BerthXmlNode *after = NULL;

  for (guint i = 0; names[i] != NULL; i++) {
    const BerthXmlNode *node = berth_xml_node_child(root, names[i]);
    if (node != NULL && (after == NULL || node->open.start > after->open.start))
      after = node;
  }
  berth_xml_edits_add(edits, root, after, draft);
}

static void write_domain(BerthXmlEdits *edits, const BerthDevice *domain) {
  static const char *const before_uuid[] = {"name", NULL};

  for (guint i = 0; i < domain->sets->len; i++) {
    const BerthSet *set = &g_array_index(domain->sets, BerthSet, i);
    if (set->value == NULL)
      continue;
    if (strcmp(set->path, "uuid") != 0 || berth_xml_node_child(domain->node, "uuid") != NULL) {
      berth_xml_edits_set(edits, domain->node, set->path, set->value);
      continue;
    }
    BerthXmlDraft *uuid = berth_xml_draft_new(edits, "uuid");
    berth_xml_draft_set(uuid, "", set->value);
    add_to_root(edits, domain->node, before_uuid, uuid);
  }
}

static gboolean same_text(const char *a, const char *b) {
  g_autofree char *left = g_strstrip(g_strdup(a != NULL ? a : "")), *right = g_strstrip(g_strdup(b));

  return strcmp(left, right) == 0;
}

static void write_record(BerthXmlEdits *edits, const BerthXmlDocument *document, const BerthRecord *record) {
  static const char *const before_metadata[] = {"name", "uuid", "title", "description", NULL};
  const BerthXmlNode *old = berth_document_embedded_node(document);
  const BerthXmlNode *metadata = berth_xml_node_child(document->root, "metadata");
  g_autofree char *text = berth_record_to_json(record);

  if (old != NULL) {
    if (!same_text(old->text, text))
      berth_xml_edits_set(edits, old, "", text);
    return;
  }
  BerthXmlDraft *draft = berth_xml_draft_new(edits, "berth:record");
  berth_xml_draft_set(draft, "@xmlns:berth", BERTH_DOCUMENT_RECORD_NS);
  berth_xml_draft_set(draft, "", text);
  if (metadata != NULL) {
    berth_xml_edits_add(edits, metadata, NULL, draft);
    return;
  }
  BerthXmlDraft *fresh = berth_xml_draft_new(edits, "metadata");
  berth_xml_draft_add(fresh, draft);
  add_to_root(edits, document->root, before_metadata, fresh);
}

static gboolean has_comment(const BerthXmlDocument *document, const BerthXmlNode *node) {
  const char *data = g_bytes_get_data(document->bytes, NULL);

  return g_strstr_len(data + node->open.start, (gssize)(MAX(node->open.end, node->close.end) - node->open.start), "<!--") != NULL;
}

/* The primary video is the first one for libvirt, which then tells videos apart by their position: it is moved to the front. With a
 * comment in it, it stays: that would be lost. */
static const BerthXmlNode *moves_before(const BerthXmlDocument *document, const GPtrArray *all, guint i) {
  const BerthDevice *device = g_ptr_array_index(all, i);
  const BerthXmlNode *first = NULL;

  if (device->element->id != BERTH_VIDEO || device->node == NULL || has_comment(document, device->node))
    return NULL;
  for (i++; i < all->len; i++) {
    const BerthDevice *other = g_ptr_array_index(all, i);
    if (other->element == device->element && other->node != NULL && other->node->open.start < device->node->open.start &&
        (first == NULL || other->node->open.start < first->open.start))
      first = other->node;
  }
  return first;
}

static void move_device(BerthXmlEdits *edits, const BerthDevice *device, const BerthXmlNode *before) {
  gboolean placed = device->address.type != BERTH_ADDRESS_NONE;
  BerthXmlDraft *draft = berth_xml_draft_of(edits, device->node, placed ? "address" : NULL);

  for (guint i = 0; i < device->sets->len; i++) {
    const BerthSet *set = &g_array_index(device->sets, BerthSet, i);
    if (set->value != NULL)
      berth_xml_draft_set(draft, set->path, set->value);
  }
  if (placed)
    berth_xml_draft_add(draft, draft_address(edits, &device->address));
  berth_xml_edits_replace(edits, device->node, NULL);
  berth_xml_edits_add_before(edits, before, draft);
}

/* The next device of the same element that is in the document: where the order means something (a console that is a serial port is
 * the first one), a new device goes in front of it. */
static const BerthXmlNode *next_written(const GPtrArray *all, guint i) {
  const BerthDevice *device = g_ptr_array_index(all, i);

  for (i++; i < all->len; i++) {
    const BerthDevice *other = g_ptr_array_index(all, i);
    if (other->element == device->element && other->node != NULL)
      return other->node;
  }
  return NULL;
}

/* The devices of the document, and those that it does not have yet: in front of the next of their element, else at the end of
 * <devices>, which is made if need be. */
static void write_devices(BerthXmlEdits *edits, const BerthXmlDocument *document, const GPtrArray *all) {
  const BerthXmlNode *root = document->root, *devices = berth_xml_node_child(root, "devices");
  BerthXmlDraft *fresh = NULL; /* <devices> that has to be made */

  for (guint i = 0; i < all->len; i++) {
    const BerthDevice *device = g_ptr_array_index(all, i);
    const BerthXmlNode *next = device->node == NULL ? next_written(all, i) : NULL;
    const BerthXmlNode *before = moves_before(document, all, i);
    const BerthAddress *address = shown_address(all, i);
    if (before != NULL)
      move_device(edits, device, before);
    else if (device->node != NULL)
      write_device(edits, device, address);
    else if (next != NULL)
      berth_xml_edits_add_before(edits, next, draft_device(edits, device, address));
    else if (devices != NULL)
      berth_xml_edits_add(edits, devices, NULL, draft_device(edits, device, address));
    else
      berth_xml_draft_add(fresh = fresh != NULL ? fresh : berth_xml_draft_new(edits, "devices"),
                          draft_device(edits, device, address));
  }
  if (fresh != NULL)
    berth_xml_edits_add(edits, root, NULL, fresh);
}

static BerthXmlEdits *edits_of(const BerthPlan *plan, const BerthRecord *embedded) {
  const BerthInventory *inventory = plan->inventory;
  const BerthXmlDocument *document = inventory->document;
  BerthXmlEdits *edits = berth_xml_edits_new(document);

  write_domain(edits, inventory->domain);
  if (embedded != NULL)
    write_record(edits, document, embedded);
  write_devices(edits, document, inventory->devices);
  return edits;
}

GBytes *berth_document_write(const BerthPlan *plan, const BerthRecord *embedded) {
  g_autoptr(BerthXmlEdits) edits = edits_of(plan, embedded);

  return berth_xml_edits_apply(edits);
}

BerthXmlDocument *berth_document_rewrite(const BerthPlan *plan, GError **error) {
  g_autoptr(BerthXmlEdits) edits = edits_of(plan, NULL);

  return berth_xml_edits_document(edits, error);
}
