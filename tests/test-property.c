/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random lives of guests on the pure engine: devices are added, removed, reordered and put back, with addresses stripped or kept
 * from the output before. What must hold at every step:
 *   1. no two devices share an address;
 *   2. a device that stays keeps its place and its predicted guest bus number; one that comes back gets its old place;
 *   3. the same input gives the same bytes, and a run over the own output, with the record or without, changes none.
 * BERTH_TEST_SEED=N makes N the first sequence's seed; a failure prints the seed of its sequence and the documents.
 */
#include <berth/berth.h>

#include "xml/node.h"

#include <string.h>

#define SEQUENCES 500
#define STEPS 5
#define PREVIOUS_SEQUENCES 60
#define FIRST_SEED 20261

typedef struct {
  const char *element, *identity; /* as in BerthRow */
  const char *mark;               /* what no other device's XML has in it */
  const char *xml;
  const char *machine; /* NULL: both */
} Thing;

#define NIC(n, model)                                                                                                              \
  {                                                                                                                                \
    "interface", "mac=52:54:00:1c:00:" n, "52:54:00:1c:00:" n,                                                                     \
        "<interface type='network'>\n      <mac address='52:54:00:1c:00:" n                                                        \
        "'/>\n      <source network='default'/>\n      <model type='" model "'/>\n    </interface>",                               \
        NULL                                                                                                                       \
  }
#define DISK(bus, dev, machine)                                                                                                    \
  {                                                                                                                                \
    "disk", "target=" bus ":" dev, "dev='" dev "'",                                                                                \
        "<disk type='file' device='disk'>\n      <source file='/x/" dev ".img'/>\n      <target dev='" dev "' bus='" bus           \
        "'/>\n    </disk>",                                                                                                        \
        machine                                                                                                                    \
  }
#define ALIASED(element, name, attributes, body)                                                                                   \
  { element, "alias=ua-" name, "'ua-" name "'", "<" element attributes ">" body "<alias name='ua-" name "'/></" element ">", NULL }
#define CHANNEL(name)                                                                                                              \
  {                                                                                                                                \
    "channel", "channel=virtio:" name, "'" name "'", "<channel type='unix'><target type='virtio' name='" name "'/></channel>",     \
        NULL                                                                                                                       \
  }

static const Thing things[] = {
    NIC("01", "virtio"),
    NIC("02", "e1000"),
    NIC("03", "virtio"),
    NIC("04", "rtl8139"),
    NIC("05", "e1000e"),
    NIC("06", "virtio"),
    NIC("07", "e1000"),
    NIC("08", "virtio"),
    NIC("09", "e1000"),
    NIC("0a", "virtio"),
    NIC("0b", "rtl8139"),
    NIC("0c", "virtio"),
    NIC("0d", "e1000"),
    NIC("0e", "virtio"),
    NIC("0f", "e1000"),
    NIC("10", "virtio"),
    NIC("11", "e1000"),
    DISK("virtio", "vda", NULL),
    DISK("virtio", "vdb", NULL),
    DISK("virtio", "vdc", NULL),
    DISK("virtio", "vdd", NULL),
    DISK("sata", "sda", NULL),
    DISK("sata", "sdb", NULL),
    DISK("scsi", "sdc", NULL),
    DISK("scsi", "sdd", NULL),
    DISK("scsi", "sdk", NULL),
    DISK("ide", "hda", "i440fx"),
    DISK("ide", "hdd", "i440fx"),
    DISK("usb", "sde", NULL),
    ALIASED("rng", "dice", " model='virtio'", "<backend model='random'>/dev/urandom</backend>"),
    ALIASED("rng", "coin", " model='virtio'", "<backend model='random'>/dev/urandom</backend>"),
    ALIASED("sound", "ac97", " model='ac97'", ""),
    ALIASED("sound", "ich9", " model='ich9'", ""),
    ALIASED("watchdog", "dog", " model='i6300esb' action='reset'", ""),
    ALIASED("input", "tablet", " type='tablet' bus='usb'", ""),
    ALIASED("input", "keys", " type='keyboard' bus='virtio'", ""),
    CHANNEL("org.qemu.guest_agent.0"),
    CHANNEL("com.example.one"),
    {"video", "alias=ua-screen", "'ua-screen'", "<video><model type='virtio'/><alias name='ua-screen'/></video>", NULL},
    {"hostdev", "source=pci:0000:3b:02.1", "bus='0x3b'",
     "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
     "<address domain='0x0000' bus='0x3b' slot='0x02' function='0x1'/></source></hostdev>",
     NULL},
};

typedef struct {
  char *address;
  int guest_bus;
  gboolean present;
} Place;

typedef struct {
  GRand *rand;
  guint32 seed;
  guint step;
  const char *machine;
  gboolean previous; /* remembers nothing but the output before (--previous) */
  gint density;      /* percent of the things that the guest starts with */
  gboolean in[G_N_ELEMENTS(things)];
  char *input, *output, *output_before; /* documents */
  BerthRecord *record;
  GHashTable *places; /* "element identity" → Place: where each thing was last */
} Life;

static void place_free(gpointer data) {
  Place *place = data;
  g_free(place->address);
  g_free(place);
}

static void life_clear(Life *life) {
  g_rand_free(life->rand);
  g_free(life->input);
  g_free(life->output);
  g_free(life->output_before);
  berth_record_free(life->record);
  g_hash_table_unref(life->places);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Life, life_clear)

static void G_GNUC_PRINTF(2, 3) fail(const Life *life, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  g_autofree char *message = g_strdup_vprintf(format, arguments);
  va_end(arguments);
  g_autofree char *record = life->record != NULL ? berth_record_to_json(life->record) : g_strdup("none\n");
  g_printerr("BERTH_TEST_SEED=%u, step %u, %s: %s\n--- output before\n%s\n--- record before\n%s--- input\n%s\n--- output\n%s\n",
             life->seed, life->step, life->machine, message, life->output_before != NULL ? life->output_before : "none", record,
             life->input, life->output != NULL ? life->output : "none");
  g_error("BERTH_TEST_SEED=%u: %s", life->seed, message);
}

/* ---- documents ---- */

static const Thing *thing_of(const char *xml) {
  for (guint i = 0; i < G_N_ELEMENTS(things); i++)
    if (strstr(xml, things[i].mark) != NULL)
      return &things[i];
  return NULL;
}

static void shuffle(GRand *rand, GPtrArray *pieces) {
  for (guint i = pieces->len; i > 1; i--) {
    guint j = (guint)g_rand_int_range(rand, 0, (gint32)i);
    gpointer piece = pieces->pdata[i - 1];
    pieces->pdata[i - 1] = pieces->pdata[j];
    pieces->pdata[j] = piece;
  }
}

/* The devices of the output before, each as its bytes: NULL at the places of things, which go to @kept by their number. */
static GPtrArray *pieces_of(const char *output, char **kept) {
  GPtrArray *others = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GBytes) bytes = g_bytes_new(output, strlen(output));
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(bytes, "before", NULL);
  const BerthXmlNode *devices = berth_xml_node_child(document->root, "devices");
  for (const BerthXmlNode *node = devices->first; node != NULL; node = node->next) {
    gsize end = MAX(node->open.end, node->close.end);
    char *piece = g_strndup(output + node->open.start, end - node->open.start);
    const Thing *thing = thing_of(piece);
    if (thing != NULL)
      kept[thing - things] = piece;
    else
      g_ptr_array_add(others, piece);
  }
  return others;
}

/* The next document: from scratch, or with some or all of what the last output said. */
static char *write_domain(Life *life) {
  char *kept[G_N_ELEMENTS(things)] = {NULL};
  g_autoptr(GPtrArray) pieces = g_ptr_array_new_with_free_func(g_free);
  gint keep_devices = g_rand_int_range(life->rand, 0, 3) * 50; /* percent */
  gboolean keep_others = g_rand_boolean(life->rand);
  if (life->output_before != NULL) {
    g_autoptr(GPtrArray) others = pieces_of(life->output_before, kept);
    for (guint i = 0; keep_others && i < others->len; i++)
      g_ptr_array_add(pieces, g_strdup(others->pdata[i]));
  }
  for (guint i = 0; i < G_N_ELEMENTS(things); i++) {
    gboolean keep = kept[i] != NULL && g_rand_int_range(life->rand, 0, 100) < keep_devices;
    if (life->in[i])
      g_ptr_array_add(pieces, g_strdup(keep ? kept[i] : things[i].xml));
    g_free(kept[i]);
  }
  if (g_rand_boolean(life->rand))
    shuffle(life->rand, pieces);
  GString *xml = g_string_new("<domain type='qemu'>\n  <name>life</name>\n  <memory unit='MiB'>256</memory>\n");
  g_string_append_printf(xml, "  <os><type arch='x86_64' machine='%s'>hvm</type></os>\n  <devices>\n", life->machine);
  for (guint i = 0; i < pieces->len; i++)
    g_string_append_printf(xml, "    %s\n", (const char *)pieces->pdata[i]);
  g_string_append(xml, "  </devices>\n</domain>\n");
  return g_string_free(xml, FALSE);
}

static void edit(Life *life) {
  for (guint i = 0; i < G_N_ELEMENTS(things); i++) {
    if (things[i].machine != NULL && strstr(life->machine, things[i].machine) == NULL)
      continue;
    if (life->step == 0)
      life->in[i] = g_rand_int_range(life->rand, 0, 100) < life->density;
    else if (g_rand_int_range(life->rand, 0, 100) < 12)
      life->in[i] = !life->in[i];
  }
}

/* ---- what must hold ---- */

static BerthPlan *plan(const Life *life, const BerthDomain *domain, const BerthRecord *record) {
  g_autoptr(GError) error = NULL;
  g_autofree char *now = g_strdup_printf("step %u", life->step);
  const BerthPlanOptions options = {.record = record, .now = now, .uuid = "12345678-1234-1234-1234-123456789abc"};
  BerthPlan *result = berth_plan_new(domain, &options, &error);
  if (result == NULL)
    fail(life, "%s", error->message);
  return result;
}

static BerthDomain *parse(const Life *life, const char *xml) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_bytes_new(xml, strlen(xml));
  BerthDomain *domain = berth_domain_parse(bytes, "life.xml", &error);
  if (domain == NULL)
    fail(life, "%s", error->message);
  return domain;
}

static char *document_of(const BerthPlan *result) {
  g_autoptr(GBytes) bytes = berth_plan_document(result);
  return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static void check_unique(const Life *life, const GPtrArray *rows) {
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < rows->len; i++) {
    const BerthRow *row = rows->pdata[i];
    if (*row->address == '\0' || strcmp(row->address, "isa") == 0)
      continue;
    gboolean drive = g_str_has_prefix(row->address, "drive");
    char *place = g_strconcat(row->address, drive ? " on " : "", drive ? row->kind : "", NULL);
    if (g_hash_table_contains(seen, place))
      fail(life, "%s has two devices, one of them %s", place, row->identity);
    g_hash_table_add(seen, place);
  }
}

/* PCI bridges are devices like all others here: berth's own stay for ever. */
static gboolean is_followed(const BerthRow *row) {
  return *row->address != '\0' && !g_str_has_prefix(row->identity, "kind=") && !g_str_has_prefix(row->identity, "content=");
}

static void check_row(const Life *life, const BerthRow *row, const BerthPlan *result) {
  g_autofree char *name = g_strconcat(row->device, " ", g_str_equal(row->device, "memballoon") ? "" : row->identity, NULL);
  Place *place = g_hash_table_lookup(life->places, name);
  if (place != NULL && strcmp(place->address, row->address) != 0)
    fail(life, "%s %s from %s to %s", name, place->present ? "moved" : "did not come back:", place->address, row->address);
  if (place != NULL && place->present && place->guest_bus != row->guest_bus) {
    g_autofree char *notes = g_strjoinv("; ", (char **)berth_plan_notes(result));
    fail(life, "%s stays at %s, but its bus number in the guest goes from %d to %d (notes: %s)", name, row->address,
         place->guest_bus, row->guest_bus, notes);
  }
  if (place == NULL) {
    place = g_new0(Place, 1);
    place->address = g_strdup(row->address);
    g_hash_table_insert(life->places, g_steal_pointer(&name), place);
  }
  place->guest_bus = row->guest_bus;
}

/* What is in the document now is what is "present" in the step after this. */
static void check_places(Life *life, const GPtrArray *rows, const BerthPlan *result) {
  GHashTableIter iter;
  gpointer value;
  g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 0; i < rows->len; i++) {
    const BerthRow *row = rows->pdata[i];
    if (!is_followed(row) && strcmp(row->device, "memballoon") != 0)
      continue;
    check_row(life, row, result);
    g_hash_table_add(names, g_strconcat(row->device, " ", g_str_equal(row->device, "memballoon") ? "" : row->identity, NULL));
  }
  for (guint i = 0; i < G_N_ELEMENTS(things); i++) {
    g_autofree char *name = g_strconcat(things[i].element, " ", things[i].identity, NULL);
    if (life->in[i] != g_hash_table_contains(names, name))
      fail(life, "%s is %s the plan", name, life->in[i] ? "not in" : "in");
  }
  g_autoptr(GHashTable) all = g_hash_table_ref(life->places);
  g_hash_table_iter_init(&iter, all);
  gpointer key;
  while (g_hash_table_iter_next(&iter, &key, &value)) {
    Place *place = value;
    if (place->present && !g_hash_table_contains(names, key) && g_str_has_prefix(key, "controller "))
      fail(life, "%s is gone", (const char *)key);
    place->present = g_hash_table_contains(names, key);
  }
}

static void check_same(const Life *life, const char *what, const char *xml, const BerthRecord *record, const char *expected) {
  g_autoptr(BerthDomain) domain = parse(life, xml);
  g_autoptr(BerthPlan) result = plan(life, domain, record);
  g_autofree char *output = document_of(result);
  if (strcmp(output, expected) != 0)
    fail(life, "%s gives another document:\n%s", what, output);
}

static void check_plan(Life *life, const BerthPlan *result) {
  g_autoptr(GPtrArray) rows = berth_plan_rows(result);
  check_unique(life, rows);
  check_places(life, rows, result);
  switch ((life->seed + life->step) % 5) { /* at most one of them a step, for time */
  case 0:
    check_same(life, "the same input again", life->input, life->record, life->output);
    break;
  case 1:
    check_same(life, "the own output with the new record", life->output, berth_plan_record(result), life->output);
    break;
  case 2:
    check_same(life, "the own output without a record", life->output, NULL, life->output);
    break;
  default:
    break;
  }
}

static BerthRecord *record_after(const Life *life, const BerthPlan *result) {
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthDomain) domain = life->previous ? parse(life, life->output) : NULL;
  g_autoptr(BerthRecord) previous = domain != NULL ? berth_record_of_domain(domain, &error) : NULL;
  g_autofree char *json = error == NULL ? berth_record_to_json(life->previous ? previous : berth_plan_record(result)) : NULL;
  BerthRecord *record = json != NULL ? berth_record_parse(json, -1, "life.berth", &error) : NULL;
  if (record == NULL)
    fail(life, "%s", error->message);
  return record;
}

static gboolean is_absent(gpointer key, gpointer value, gpointer data) {
  return !((Place *)value)->present;
}

static void step(Life *life) {
  edit(life);
  g_free(life->input);
  life->input = write_domain(life);
  g_autoptr(BerthDomain) domain = parse(life, life->input);
  g_autoptr(BerthPlan) result = plan(life, domain, life->record);
  life->output = document_of(result);
  check_plan(life, result);

  BerthRecord *record = record_after(life, result);
  if (life->previous)
    g_hash_table_foreach_remove(life->places, is_absent, NULL);
  berth_record_free(life->record);
  life->record = record;
  g_free(life->output_before);
  life->output_before = g_steal_pointer(&life->output);
}

static void live(guint32 seed, gboolean previous) {
  g_auto(Life) life = {.rand = g_rand_new_with_seed(seed), .seed = seed, .previous = previous};
  life.machine = g_rand_boolean(life.rand) ? "pc-i440fx-7.2" : "pc-q35-7.2";
  life.density = g_rand_int_range(life.rand, 0, 5) == 0 ? 85 : g_rand_int_range(life.rand, 5, 45);
  life.places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, place_free);
  for (life.step = 0; life.step < STEPS; life.step++)
    step(&life);
}

static void live_many(guint32 n, gboolean previous) {
  const char *given = g_getenv("BERTH_TEST_SEED");
  guint32 first = given != NULL ? (guint32)g_ascii_strtoull(given, NULL, 10) : FIRST_SEED;
  g_test_message("BERTH_TEST_SEED=%u, %u sequences of %d steps", first, n, STEPS);
  for (guint32 i = 0; i < n; i++)
    live(first + i, previous);
}

static void test_with_record(void) {
  live_many(SEQUENCES, FALSE);
}

static void test_with_previous_document(void) {
  live_many(PREVIOUS_SEQUENCES, TRUE);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/property/devices-keep-their-places-by-the-record", test_with_record);
  g_test_add_func("/property/devices-keep-their-places-by-the-previous-document", test_with_previous_document);
  return g_test_run();
}
