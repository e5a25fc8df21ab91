/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "holds.h"

#include "model/plan.h"

#include <string.h>

static char *text_of(GBytes *bytes) {
  gsize size = 0;
  const char *data = g_bytes_get_data(bytes, &size);
  return g_strndup(data, size);
}

static char *name_of(const BerthDevice *device) {
  g_autofree char *name = berth_model_device_name(device);
  g_autofree char *address = berth_model_address_to_string(&device->address);
  return g_strdup_printf("%s (%s, by rule %s, %s)", name, address, berth_model_rule_name(device->rule),
                         berth_model_origin_name(device->origin));
}

char *test_holds_unique(const BerthPlan *plan) {
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = plan->inventory->devices->pdata[i];
    g_autofree char *variant = device->element->variant(device);
    char *place = berth_model_record_place(&device->address, variant);
    if (place == NULL)
      continue;
    const BerthDevice *other = g_hash_table_lookup(seen, place);
    if (other != NULL) {
      g_autofree char *one = name_of(other), *two = name_of(device);
      char *broken = g_strdup_printf("two devices share %s: %s and %s", place, one, two);
      g_free(place);
      return broken;
    }
    g_hash_table_insert(seen, place, (gpointer)device);
  }
  return NULL;
}

/* Where a conventional hierarchy must be started for a device, libvirt puts it one bus further on than written (addressing §3.7).
 */
gboolean test_holds_raised(const BerthDevice *device) {
  BerthAddress raised = device->written;
  raised.value[BERTH_PCI_BUS]++;
  return raised.type == BERTH_ADDRESS_PCI && berth_model_address_equal(&raised, &device->address);
}

char *test_holds_written(const BerthPlan *plan) {
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = plan->inventory->devices->pdata[i];
    if (device->rule == BERTH_RULE_DOCUMENT && device->written.type != BERTH_ADDRESS_NONE &&
        !berth_model_address_equal(&device->written, &device->address) && !test_holds_raised(device)) {
      g_autofree char *name = name_of(device), *was = berth_model_address_to_string(&device->written);
      return g_strdup_printf("%s was written at %s", name, was);
    }
  }
  return NULL;
}

static BerthPlan *plan_again(const char *xml, const BerthRecord *record, gboolean embed, BerthDomain **domain, char **broken) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_bytes_new(xml, strlen(xml));
  *domain = berth_domain_parse(bytes, "again.xml", &error);
  const BerthPlanOptions options = {.record = record, .now = "2026-01-02T00:00:00Z", .embed = embed};
  BerthPlan *plan = *domain != NULL ? berth_plan_new(*domain, &options, &error) : NULL;
  if (plan == NULL)
    *broken = g_strdup_printf("the own output cannot be planned %s: %s\n%s",
                              record != NULL ? "with its record" : "without a record", error->message, xml);
  return plan;
}

/* @record NULL: without one. */
static char *settled(const char *xml, const BerthRecord *record, gboolean embed) {
  char *broken = NULL;
  g_autoptr(BerthDomain) domain = NULL;
  g_autoptr(BerthPlan) plan = plan_again(xml, record, embed, &domain, &broken);
  if (plan == NULL)
    return broken;
  g_autoptr(GBytes) bytes = berth_plan_document(plan);
  g_autofree char *output = text_of(bytes);
  if (strcmp(output, xml) != 0)
    return g_strdup_printf("the own output, planned %s, changes:\n%s--- becomes\n%s",
                           record != NULL ? "with its record" : "without a record", xml, output);
  if (record == NULL)
    return NULL;
  g_autofree char *was = berth_record_to_json(record), *is = berth_record_to_json(berth_plan_record(plan));
  return strcmp(was, is) != 0 ? g_strdup_printf("the record of the own output changes:\n%s--- becomes\n%s", was, is) : NULL;
}

char *test_holds_settled(const BerthPlan *plan, gboolean embed) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = berth_plan_document(plan);
  g_autofree char *xml = text_of(bytes), *json = berth_record_to_json(berth_plan_record(plan));
  g_autoptr(BerthRecord) record = berth_record_parse(json, -1, "again.json", &error);
  if (record == NULL)
    return g_strdup_printf("the record cannot be read: %s\n%s", error->message, json);
  g_autofree char *printed = berth_record_to_json(record);
  if (strcmp(printed, json) != 0)
    return g_strdup_printf("the record, read and printed again, differs:\n%s--- becomes\n%s", json, printed);
  char *broken = settled(xml, record, embed);
  return broken != NULL || embed ? broken : settled(xml, NULL, FALSE);
}

/* ---- order ---- */

typedef struct {
  const BerthXmlNode *node; /* in the finished document */
  char *name;
  gsize line; /* in the shuffled document, from 1 */
} Piece;

static void piece_clear(gpointer data) {
  Piece *piece = data;
  g_free(piece->name);
}

/* Among these, the order says what they are: which video is primary, which serial port is the first. */
static gboolean keeps_order(const Piece *piece) {
  static const char *const names[] = {"video", "serial", "parallel", "console", "graphics"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (strcmp(piece->name, names[i]) == 0)
      return TRUE;
  return FALSE;
}

static void shuffle(GArray *pieces, guint32 seed) {
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  for (guint i = pieces->len; i > 1; i--) {
    Piece *a = &g_array_index(pieces, Piece, i - 1);
    Piece *b = &g_array_index(pieces, Piece, (guint)g_rand_int_range(rand, 0, (gint32)i));
    if (keeps_order(a) || keeps_order(b))
      continue;
    Piece held = *a;
    *a = *b;
    *b = held;
  }
}

/* The document with its devices in another order, each on one line, so that a line is a device. */
static char *shuffled_document(const BerthXmlDocument *document, const BerthXmlNode *devices, GArray *pieces) {
  const char *data = g_bytes_get_data(document->bytes, NULL);
  GString *out = g_string_new_len(data, (gssize)devices->open.end);
  gsize line = 1;
  for (gsize i = 0; i < out->len; i++)
    line += out->str[i] == '\n';
  for (guint i = 0; i < pieces->len; i++) {
    Piece *piece = &g_array_index(pieces, Piece, i);
    gsize end = MAX(piece->node->open.end, piece->node->close.end);
    g_autofree char *xml = g_strndup(data + piece->node->open.start, end - piece->node->open.start);
    g_strdelimit(xml, "\r\n", ' ');
    g_string_append_printf(out, "\n%s", xml);
    piece->line = ++line;
  }
  g_string_append_len(out, data + devices->close.start, (gssize)(g_bytes_get_size(document->bytes) - devices->close.start));
  return g_string_free(out, FALSE);
}

static const BerthDevice *device_at(const BerthPlan *plan, gsize line) {
  for (guint i = 0; i < plan->inventory->devices->len; i++) {
    const BerthDevice *device = plan->inventory->devices->pdata[i];
    if (device->node != NULL && device->node->line == line)
      return device;
  }
  return NULL;
}

/* A console that is the first serial port shows that one's address in the document, and has none itself. */
static char *compare_piece(const BerthXmlDocument *document, const Piece *piece, const BerthPlan *plan, const char *xml) {
  const BerthDevice *device = device_at(plan, piece->line);
  const BerthXmlNode *node = berth_xml_node_child(piece->node, "address");
  BerthAddress address = {0};
  if (device == NULL || node == NULL || device->element->id == BERTH_CONSOLE ||
      !berth_model_address_parse(&address, document, node, NULL) || berth_model_address_equal(&address, &device->address))
    return NULL;
  g_autofree char *name = name_of(device), *was = berth_model_address_to_string(&address);
  return g_strdup_printf("in another order, %s is no longer at %s:\n%s", name, was, xml);
}

char *test_holds_shuffled(const BerthPlan *plan, guint32 seed) {
  g_autoptr(GBytes) bytes = berth_plan_document(plan);
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(bytes, "finished.xml", NULL);
  const BerthXmlNode *devices = berth_xml_node_child(document->root, "devices");
  g_autoptr(GArray) pieces = g_array_new(FALSE, FALSE, sizeof(Piece));
  g_array_set_clear_func(pieces, piece_clear);
  for (const BerthXmlNode *node = devices != NULL ? devices->first : NULL; node != NULL; node = node->next) {
    Piece piece = {node, g_strdup(node->name), 0};
    g_array_append_val(pieces, piece);
  }
  if (pieces->len == 0)
    return NULL;
  shuffle(pieces, seed);
  g_autofree char *xml = shuffled_document(document, devices, pieces);
  char *broken = NULL;
  g_autoptr(BerthDomain) domain = NULL;
  g_autoptr(BerthPlan) again = plan_again(xml, NULL, FALSE, &domain, &broken);
  for (guint i = 0; again != NULL && broken == NULL && i < pieces->len; i++)
    broken = compare_piece(document, &g_array_index(pieces, Piece, i), again, xml);
  return broken;
}
