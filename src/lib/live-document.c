/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents of running guests, and devices that come to and go from any. */
#include "lib/live.h"

#include <string.h>

#include "assign/identity.h"
#include "document/document.h"
#include "kinds/abi.h"
#include "kinds/kinds.h"
#include "xml/splice.h"

GBytes *berth_lib_live_document(const BerthPlan *plan) {
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (device->id != NULL && device->node != NULL)
      berth_model_device_set(device, "alias/@name", device->id);
  }
  return berth_plan_document(plan);
}

static void keep_chosen(const BerthDevice *was, BerthDevice *now) {
  static const char base[] = "target/address/@base";
  const char *begins = was->element->id == BERTH_MEMORY ? berth_model_device_get(was, base) : NULL;
  if (now->address.type == BERTH_ADDRESS_NONE && was->address.type == BERTH_ADDRESS_VIRTIO_SERIAL && now->kind == was->kind)
    now->address = was->address;
  else if (was->address.type == BERTH_ADDRESS_DIMM && now->address.type == BERTH_ADDRESS_DIMM &&
           now->address.value[BERTH_DIMM_BASE] == 0 && was->address.value[BERTH_DIMM_BASE] > 0)
    berth_model_address_set(&now->address, BERTH_DIMM_BASE, was->address.value[BERTH_DIMM_BASE]);
  if (begins != NULL && berth_model_device_get(now, base) == NULL)
    berth_model_device_set(now, base, begins);
}

void berth_lib_live_keep_chosen(const BerthPlan *was, const BerthPlan *now) {
  g_autoptr(GPtrArray) partners = berth_kinds_abi_partners(was->inventory, now->inventory, FALSE);
  for (guint i = 0; i < partners->len; i++)
    if (g_ptr_array_index(partners, i) != NULL)
      keep_chosen(g_ptr_array_index(was->inventory->devices, i), g_ptr_array_index(partners, i));
}

BerthPlan *berth_lib_live_plan(BerthXmlDocument *document, const BerthRecord *record, const BerthFacts *facts, const char *now,
                               GError **error) {
  g_autoptr(BerthXmlDocument) owned = document;
  const BerthPlanOptions options = {.record = record, .facts = facts, .now = now, .running = TRUE};
  BerthPlan *plan = owned != NULL ? berth_lib_plan(owned, &options, error) : NULL;
  if (plan != NULL)
    plan->document = g_steal_pointer(&owned);
  return plan;
}

char *berth_lib_live_file(const char *guest) {
  return g_strconcat("dumpxml --live ", guest, NULL);
}

BerthXmlDocument *berth_lib_live_parse(const char *guest, GBytes *document, GError **error) {
  g_autofree char *file = berth_lib_live_file(guest);
  return berth_xml_document_parse(document, file, error);
}

BerthPlan *berth_lib_live_stored(const BerthStoreGuest *guest, const BerthFacts *facts, GError **error) {
  g_autoptr(BerthRecord) record = berth_record_parse(guest->run.record, -1, guest->name, error);
  BerthXmlDocument *document = record != NULL ? berth_lib_live_parse(guest->name, guest->run.document, error) : NULL;
  return berth_lib_live_plan(document, record, facts, NULL, error);
}

/* The last element called as @node. */
static const BerthXmlNode *last_like(const BerthXmlNode *devices, const char *name) {
  const BerthXmlNode *last = NULL;
  for (const BerthXmlNode *child = berth_xml_node_child(devices, name); child != NULL; child = berth_xml_node_next(child, name))
    last = child;
  return last;
}

BerthXmlDocument *berth_lib_live_add(GBytes *document, const char *file, const BerthXmlNode *node, GError **error) {
  g_autoptr(BerthXmlDocument) parsed = berth_xml_document_parse(document, file, error);
  if (parsed == NULL)
    return NULL;
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(parsed);
  const BerthXmlNode *devices = berth_xml_node_child(parsed->root, "devices");
  BerthXmlDraft *draft = berth_xml_draft_of(edits, node, NULL);
  if (devices != NULL) {
    berth_xml_edits_add(edits, devices, last_like(devices, node->name), draft);
  } else {
    BerthXmlDraft *holder = berth_xml_draft_new(edits, "devices");
    berth_xml_draft_add(holder, draft);
    berth_xml_edits_add(edits, parsed->root, NULL, holder);
  }
  return berth_xml_edits_document(edits, error);
}

const BerthXmlNode *berth_lib_live_node(const BerthXmlDocument *document, const char *id) {
  const BerthXmlNode *node = berth_xml_node_child(berth_xml_node_child(document->root, "devices"), NULL);
  while (node != NULL && g_strcmp0(berth_xml_node_get(node, "alias/@name"), id) != 0)
    node = berth_xml_node_next(node, NULL);
  return node;
}

BerthXmlDocument *berth_lib_live_replace(GBytes *document, const char *file, const char *id, const BerthXmlNode *node,
                                         GError **error) {
  g_autoptr(BerthXmlDocument) parsed = berth_xml_document_parse(document, file, error);
  if (parsed == NULL)
    return NULL;
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(parsed);
  const BerthXmlNode *old = berth_lib_live_node(parsed, id);
  if (old != NULL)
    berth_xml_edits_replace(edits, old, berth_xml_draft_of(edits, node, NULL));
  return berth_xml_edits_document(edits, error);
}

BerthXmlDocument *berth_lib_live_remove(GBytes *document, const char *file, const char *id, GError **error) {
  g_autoptr(BerthXmlDocument) parsed = berth_xml_document_parse(document, file, error);
  if (parsed == NULL)
    return NULL;
  g_autoptr(BerthXmlEdits) edits = berth_xml_edits_new(parsed);
  const BerthXmlNode *node = berth_lib_live_node(parsed, id);
  if (node != NULL)
    berth_xml_edits_replace(edits, node, NULL);
  return berth_xml_edits_document(edits, error);
}

GBytes *berth_lib_live_element(GBytes *document, const char *id) {
  g_autoptr(BerthXmlDocument) parsed = berth_xml_document_parse(document, id, NULL);
  const BerthXmlNode *node = parsed != NULL ? berth_lib_live_node(parsed, id) : NULL;
  if (node == NULL)
    return NULL;
  gsize start = node->open.start, end = MAX(node->open.end, node->close.end);
  return g_bytes_new_from_bytes(parsed->bytes, start, end - start);
}

BerthDevice *berth_lib_live_device(const BerthPlan *plan, const char *id) {
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (g_strcmp0(device->id, id) == 0)
      return device;
  }
  return NULL;
}

/* ---- devices as users describe them ---- */

BerthXmlDocument *berth_lib_live_fragment(GBytes *xml, const char *file, GError **error) {
  g_autoptr(BerthXmlDocument) fragment = berth_xml_document_parse(xml, file, error);
  if (fragment == NULL)
    return NULL;
  const BerthElement *element = berth_kinds_element(fragment->root->name);
  if (element != NULL && element->id < BERTH_EMULATOR && fragment->root->ns == NULL)
    return g_steal_pointer(&fragment);
  berth_xml_error(error, BERTH_ERROR_BAD_INPUT, fragment, fragment->root, "<%.40s>%s is not a device; <disk>, <interface> … are",
                  fragment->root->name, fragment->root->ns != NULL ? " of another namespace" : "");
  return NULL;
}

static gboolean same(const BerthDevice *a, const BerthDevice *b) {
  for (guint c = 0; c < BERTH_N_MATCHED_KEYS; c++) {
    const char *one = berth_model_device_key(a, c), *other = berth_model_device_key(b, c);
    if (!berth_model_key_class_weak(c) && one != NULL && g_strcmp0(one, other) == 0)
      return TRUE;
  }
  return FALSE;
}

/* The device of @fragment, with its keys, as far as they follow from what is written. */
static BerthInventory *read_alone(const BerthXmlDocument *fragment, BerthXmlDocument **holder, GError **error) {
  GBytes *empty = g_bytes_new_static("<domain><devices/></domain>", strlen("<domain><devices/></domain>"));
  *holder = berth_lib_live_add(empty, fragment->file, fragment->root, error);
  g_bytes_unref(empty);
  BerthInventory *alone = *holder != NULL ? berth_document_read(*holder, berth_kinds_elements, error) : NULL;
  if (alone != NULL)
    berth_assign_identity_refresh(alone);
  return alone;
}

/* The ways to name a device, surest first. */
static gboolean by_alias(const BerthDevice *device, const BerthDevice *wanted) {
  const char *alias = berth_model_device_get(wanted, "alias/@name");
  return alias != NULL && g_strcmp0(device->id, alias) == 0;
}

static gboolean by_key(const BerthDevice *device, const BerthDevice *wanted) {
  return same(device, wanted);
}

static gboolean by_target(const BerthDevice *device, const BerthDevice *wanted) {
  const char *dev = berth_model_device_get(wanted, "target/@dev");
  return dev != NULL && berth_model_device_is(device, "target/@dev", dev);
}

static gboolean by_address(const BerthDevice *device, const BerthDevice *wanted) {
  return wanted->address.type != BERTH_ADDRESS_NONE && berth_model_address_equal(&device->address, &wanted->address);
}

static gboolean by_content(const BerthDevice *device, const BerthDevice *wanted) {
  const char *content = berth_model_device_key(wanted, BERTH_KEY_CONTENT);
  return content != NULL && g_strcmp0(content, berth_model_device_key(device, BERTH_KEY_CONTENT)) == 0;
}

static gboolean by_kind(const BerthDevice *device, const BerthDevice *wanted) {
  g_autofree char *one = device->element->variant(device), *other = wanted->element->variant(wanted);
  return *other == '\0' || g_str_equal(one, other);
}

/* What a user wrote cannot name another device than the one that has its MAC, its target … */
gboolean berth_lib_live_contradict(const BerthDevice *device, const BerthDevice *wanted) {
  for (guint c = BERTH_KEY_MAC; c < BERTH_N_MATCHED_KEYS; c++) {
    const char *one = berth_model_device_key(wanted, c), *other = berth_model_device_key(device, c);
    /* Whoever writes no index means any. */
    gboolean said = c != BERTH_KEY_CONTROLLER || wanted->index >= 0;
    if (!berth_model_key_class_weak(c) && said && one != NULL && other != NULL && !g_str_equal(one, other))
      return TRUE;
  }
  return FALSE;
}

/* How many devices of @plan are called so by @way, the last of them being *@found; @there: only those that are where @wanted says.
 */
static guint count_like(const BerthPlan *plan, const BerthDevice *wanted, gboolean (*way)(const BerthDevice *, const BerthDevice *),
                        gboolean there, BerthDevice **found) {
  guint n = 0;
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(plan->inventory->devices, i);
    if (device->element == wanted->element && way(device, wanted) && !berth_lib_live_contradict(device, wanted) &&
        (!there || by_address(device, wanted))) {
      *found = device;
      n++;
    }
  }
  return n;
}

BerthDevice *berth_lib_live_find(const BerthPlan *plan, const BerthXmlDocument *fragment, GError **error) {
  static gboolean (*const ways[])(const BerthDevice *, const BerthDevice *) = {by_alias,   by_key,     by_target,
                                                                               by_address, by_content, by_kind};
  g_autoptr(BerthXmlDocument) holder = NULL;
  g_autoptr(BerthInventory) alone = read_alone(fragment, &holder, error);
  if (alone == NULL)
    return NULL;
  const BerthDevice *wanted = g_ptr_array_index(alone->devices, alone->devices->len - 1);
  for (guint w = 0; w < G_N_ELEMENTS(ways); w++) {
    BerthDevice *found = NULL;
    guint n = count_like(plan, wanted, ways[w], FALSE, &found), placed = 0;
    if (n > 1)
      placed = count_like(plan, wanted, ways[w], TRUE, &found);
    if (n == 1 || placed == 1)
      return found;
    if (n > 1 && ways[w] != by_content) {
      berth_xml_error(error, BERTH_ERROR_USAGE, fragment, fragment->root,
                      "%u devices are like this <%s>; add its <address> or <alias>", n, wanted->element->name);
      return NULL;
    }
  }
  berth_xml_error(error, BERTH_ERROR_NOT_FOUND, fragment, fragment->root, "the guest has no such <%s>", wanted->element->name);
  return NULL;
}

gboolean berth_lib_live_names(const BerthDevice *device, const BerthXmlDocument *fragment) {
  g_autoptr(BerthXmlDocument) holder = NULL;
  g_autoptr(BerthInventory) alone = read_alone(fragment, &holder, NULL);
  if (alone == NULL)
    return FALSE;
  const BerthDevice *wanted = g_ptr_array_index(alone->devices, alone->devices->len - 1);
  return wanted->element == device->element && (by_key(device, wanted) || by_target(device, wanted) || by_content(device, wanted));
}

const char *berth_lib_live_unpluggable(const BerthXmlDocument *fragment) {
  g_autoptr(BerthXmlDocument) holder = NULL;
  g_autoptr(BerthInventory) alone = read_alone(fragment, &holder, NULL);
  return alone != NULL ? berth_kinds_unpluggable(g_ptr_array_index(alone->devices, alone->devices->len - 1)) : NULL;
}
