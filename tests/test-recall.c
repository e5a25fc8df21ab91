/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Identity, recall and remembering, on a toy machine: a few elements, one family "pci" whose rule is that a slot from 16 on is for
 * devices of the kind "big", and a placing of one line: the first slot of bus 0 that is neither in use nor reserved.
 */
#include "assign/recall.h"
#include "assign/remember.h"
#include "facts/machine.h"
#include "model/identity.h"

#include <string.h>

/* ---- the toy ---- */

static char *variant(const BerthDevice *device) {
  const char *type = berth_model_device_get(device, "@type"), *model = berth_model_device_get(device, "@model");
  const char *bus = berth_model_device_get(device, "target/@bus");
  if (device->element->id == BERTH_CONTROLLER)
    return g_strconcat(type, model != NULL ? "/" : NULL, model, NULL);
  return g_strdup(device->element->id == BERTH_DISK ? (bus != NULL ? bus : "") : model != NULL ? model : "");
}

static const BerthElement elements[BERTH_N_ELEMENTS] = {
    [BERTH_DISK] = {BERTH_DISK, "disk", variant, {NULL}},
    [BERTH_INTERFACE] = {BERTH_INTERFACE, "interface", variant, {"mac/@address"}},
    [BERTH_HOSTDEV] = {BERTH_HOSTDEV, "hostdev", variant, {NULL}},
    [BERTH_CONTROLLER] = {BERTH_CONTROLLER, "controller", variant, {NULL}},
    [BERTH_HUB] = {BERTH_HUB, "hub", variant, {NULL}},
    [BERTH_RNG] = {BERTH_RNG, "rng", variant, {NULL}},
    [BERTH_MEMBALLOON] = {BERTH_MEMBALLOON, "memballoon", variant, {NULL}},
    [BERTH_OTHER] = {BERTH_OTHER, "domain", variant, {NULL}},
};

static const BerthKind on_pci = {.variant = "any", .address = BERTH_ADDRESS_PCI};
static const BerthKind on_drive = {.variant = "any", .address = BERTH_ADDRESS_DRIVE};
static const BerthKind on_usb = {.variant = "any", .address = BERTH_ADDRESS_USB};

static const BerthKind *classify(const BerthDevice *device) {
  g_autofree char *text = variant(device);
  if (device->element->id == BERTH_HUB || strcmp(text, "stick") == 0)
    return &on_usb;
  return strcmp(text, "sata") == 0 || strcmp(text, "scsi") == 0 ? &on_drive : &on_pci;
}

static gboolean fits(const BerthInventory *inventory, const BerthDevice *device, const BerthAddress *address) {
  g_autofree char *text = variant(device);
  return address->value[BERTH_PCI_SLOT] < 16 || strcmp(text, "big") == 0;
}

static const BerthFamily families[] = {{.type = BERTH_ADDRESS_PCI, .fits = fits},
                                       {.type = BERTH_ADDRESS_DRIVE},
                                       {.type = BERTH_ADDRESS_USB},
                                       {.type = BERTH_ADDRESS_NONE}};
static const BerthTables tables = {elements, classify, families};

static BerthInventory *read_toy(const BerthXmlDocument *document) {
  BerthInventory *inventory = berth_model_inventory_new(document, &elements[BERTH_OTHER]);
  for (const BerthXmlNode *node = document->root->first; node != NULL; node = node->next) {
    for (guint i = 0; i < BERTH_OTHER; i++) {
      if (g_strcmp0(elements[i].name, node->name) != 0)
        continue;
      BerthDevice *device = berth_model_device_new(&elements[i], node);
      const BerthXmlNode *address = berth_xml_node_child(node, "address");
      if (address != NULL) {
        g_assert_true(berth_model_address_parse(&device->address, document, address, NULL));
        device->written = device->address;
        device->rule = BERTH_RULE_DOCUMENT;
      }
      device->index = i == BERTH_CONTROLLER ? (gint64)berth_model_device_number(device, "@index", 0) : -1;
      g_ptr_array_add(inventory->devices, device);
    }
  }
  return inventory;
}

static gboolean is_taken(const BerthAssignment *assignment, const BerthAddress *address) {
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(assignment->inventory->devices, i);
    if (berth_model_address_equal(&device->address, address))
      return TRUE;
  }
  for (guint i = 0; assignment->record != NULL && i < assignment->record->entries->len; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(assignment->record->entries, i);
    if (entry->gone != NULL && berth_model_address_equal(&entry->address, address))
      return TRUE;
  }
  return FALSE;
}

static void place_toy(BerthAssignment *assignment) {
  for (guint i = 0; i < assignment->inventory->devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(assignment->inventory->devices, i);
    if (device->address.type != BERTH_ADDRESS_NONE || classify(device)->address != BERTH_ADDRESS_PCI)
      continue;
    BerthAddress address = berth_model_address_pci(0, 1, 0);
    while (is_taken(assignment, &address))
      address.value[BERTH_PCI_SLOT]++;
    device->address = address;
    device->rule = BERTH_RULE_FIRST;
  }
}

static void derive_macs(BerthInventory *inventory) {
  guint position = 0;
  for (BerthDevice *nic; (nic = berth_model_inventory_walk(inventory, BERTH_INTERFACE, &position)) != NULL;) {
    g_autofree char *mac = g_strdup_printf("52:54:00:00:00:%02x", position);
    if (berth_model_device_get(nic, "mac/@address") == NULL)
      berth_model_device_set(nic, "mac/@address", mac);
  }
}

/* ---- one run of it ---- */

typedef struct {
  BerthXmlDocument *document;
  BerthInventory *inventory;
  GPtrArray *notes;
  BerthRecord *record;
  GError *error;
} Run;

static void run_clear(Run *run) {
  g_clear_pointer(&run->record, berth_record_free);
  g_clear_pointer(&run->inventory, berth_model_inventory_free);
  g_clear_pointer(&run->document, berth_xml_document_free);
  g_clear_pointer(&run->notes, g_ptr_array_unref);
  g_clear_error(&run->error);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Run, run_clear)

/* What defaults.c does in earnest: a model, and a balloon behind everything. */
static void defaults_toy(BerthInventory *inventory) {
  guint position = 0;
  if (berth_model_inventory_walk(inventory, BERTH_MEMBALLOON, &position) == NULL)
    g_ptr_array_add(inventory->devices, berth_model_device_new(&elements[BERTH_MEMBALLOON], NULL));
  for (guint i = 0; i < inventory->devices->len; i++) {
    BerthDevice *device = g_ptr_array_index(inventory->devices, i);
    if (device->element->id != BERTH_DISK && berth_model_device_get(device, "@model") == NULL)
      berth_model_device_set(device, "@model", "small");
  }
}

static void stages(Run *run, const BerthPlanOptions *options) {
  BerthAssignment assignment = {
      .inventory = run->inventory, .record = options->record, .elements = elements, .classify = classify, .notes = run->notes};
  g_autoptr(BerthRecall) recall = berth_assign_recall_new(&assignment, &tables, options);
  if (!berth_assign_identify(&assignment, &run->error) || !berth_assign_recall(recall, &run->error))
    return;
  defaults_toy(run->inventory);
  if (!berth_assign_identify(&assignment, &run->error) || !berth_assign_recall(recall, &run->error))
    return;
  derive_macs(run->inventory);
  place_toy(&assignment);
  run->record = berth_assign_remember(run->inventory, recall, options->now);
}

static Run run_with(const char *body, const BerthPlanOptions *options) {
  g_autofree char *xml = g_strconcat("<domain>\n", body, "</domain>", NULL);
  g_autoptr(GBytes) bytes = g_bytes_new(xml, strlen(xml));
  Run run = {.notes = g_ptr_array_new_with_free_func(g_free)};
  run.document = berth_xml_document_parse(bytes, "toy.xml", &run.error);
  g_assert_no_error(run.error);
  run.inventory = read_toy(run.document);
  run.inventory->arch = g_strdup("x86_64");
  run.inventory->machine = g_strdup("pc-i440fx-7.2");
  run.inventory->family = berth_facts_machine_family("x86_64", "pc-i440fx-7.2");
  stages(&run, options);
  /* Whatever is remembered must be readable, and the same when written again. */
  if (run.record != NULL) {
    g_autofree char *json = berth_record_to_json(run.record);
    berth_record_free(run.record);
    run.record = berth_record_parse(json, -1, "toy.berth", &run.error);
    g_assert_no_error(run.error);
    g_autofree char *again = berth_record_to_json(run.record);
    g_assert_cmpstr(json, ==, again);
  }
  return run;
}

static Run run_on(const char *body, const BerthRecord *record) {
  const BerthPlanOptions options = {.record = record, .now = "2026-01-01T00:00:00Z"};
  Run run = run_with(body, &options);
  g_assert_no_error(run.error);
  return run;
}

/* The device whose key @key is, as "SLOT RULE"; of PCI devices behind bridges "BUS:SLOT RULE". */
static char *where(const Run *run, const char *key) {
  for (guint i = 0; i < run->inventory->devices->len; i++) {
    const BerthDevice *device = g_ptr_array_index(run->inventory->devices, i);
    for (guint k = 0; k < device->keys->len; k++) {
      if (strcmp(g_array_index(device->keys, BerthKey, k).text, key) != 0)
        continue;
      const guint64 *value = device->address.value;
      g_autofree char *bus = value[BERTH_PCI_BUS] != 0 ? g_strdup_printf("%d:", (int)value[BERTH_PCI_BUS]) : g_strdup("");
      return g_strdup_printf("%s%d %s", bus, (int)value[BERTH_PCI_SLOT], berth_model_rule_name(device->rule));
    }
  }
  return g_strdup("not there");
}

static void expect(const Run *run, const char *key, const char *expected) {
  g_autofree char *found = where(run, key);
  if (strcmp(found, expected) != 0)
    g_error("%s is at \"%s\", expected \"%s\"", key, found, expected);
}

#define MAC(n) "52:54:00:aa:00:0" n
#define NIC(n) "<interface type='network' model='small'><source network='lan'/><mac address='" MAC(n) "'/></interface>\n"
#define DISK(dev) "<disk><target bus='virtio' dev='" dev "'/></disk>\n"
#define AT(slot) "<address type='pci' domain='0' bus='0' slot='" slot "' function='0'/>"
#define NIC_AT(n, slot)                                                                                                            \
  "<interface type='network' model='small'><source network='lan'/><mac address='" MAC(n) "'/>" AT(slot) "</interface>\n"

/* ---- places stay ---- */

static void test_reordered(void) {
  g_auto(Run) first = run_on(NIC("1") DISK("vda") NIC("2"), NULL);
  expect(&first, "mac=" MAC("1"), "1 first");
  expect(&first, "target=virtio:vda", "2 first");
  g_auto(Run) second = run_on(NIC("3") NIC("2") DISK("vda") NIC("1"), first.record);
  expect(&second, "mac=" MAC("1"), "1 recalled");
  expect(&second, "target=virtio:vda", "2 recalled");
  expect(&second, "mac=" MAC("2"), "3 recalled");
  expect(&second, "kind=small#0", "5 first");
  expect(&second, "mac=" MAC("3"), "5 first");
}

static void test_removed_and_returned(void) {
  g_auto(Run) first = run_on(NIC("1") NIC("2"), NULL);
  g_auto(Run) without = run_on(NIC("2") NIC("3"), first.record);
  expect(&without, "mac=" MAC("2"), "2 recalled");
  expect(&without, "mac=" MAC("3"), "4 first"); /* not 1: that one has just gone */
  const BerthRecordEntry *gone = g_ptr_array_index(without.record->entries, without.record->entries->len - 1);
  g_assert_cmpstr(gone->gone, ==, "2026-01-01T00:00:00Z");
  g_assert_cmpstr(g_ptr_array_index(gone->keys, 0), ==, "mac=" MAC("1"));
  g_auto(Run) again = run_on(NIC("3") NIC("1") NIC("2"), without.record);
  expect(&again, "mac=" MAC("1"), "1 returned");
  expect(&again, "mac=" MAC("3"), "4 recalled");
  g_assert_null(((BerthRecordEntry *)g_ptr_array_index(again.record->entries, 0))->gone);
}

static void test_keys_gained_and_lost(void) {
  g_auto(Run) plain = run_on("<disk><target bus='virtio' dev='vda'/></disk>"
                             "<interface type='user'/><interface type='network'><source network='a'/></interface>"
                             "<rng><backend>/dev/random</backend></rng>",
                             NULL);
  const char *rich = "<disk><target bus='virtio' dev='vdb'/></disk>"
                     "<rng><alias name='ua-dice'/><backend>/dev/random</backend></rng>"
                     "<interface type='network'><source network='a'/><mac address='52:54:00:AB:CD:EF'/></interface>"
                     "<disk><serial>S1</serial><wwn>50014EE2</wwn><target bus='virtio' dev='vda'/><alias name='ua-root'/></disk>";
  g_auto(Run) gained = run_on(rich, plain.record);
  expect(&gained, "target=virtio:vda", "1 recalled");
  expect(&gained, "alias=ua-dice", "4 recalled");
  expect(&gained, "mac=52:54:00:ab:cd:ef", "3 recalled");
  expect(&gained, "target=virtio:vdb", "6 first");
  g_auto(Run) renamed = run_on("<disk><serial>S1</serial><target bus='virtio' dev='vdx'/></disk>", gained.record);
  expect(&renamed, "serial=S1", "1 recalled");
  g_auto(Run) by_alias = run_on("<disk><alias name='ua-root'/><target bus='virtio' dev='vdy'/></disk>", gained.record);
  expect(&by_alias, "alias=ua-root", "1 recalled");
  g_auto(Run) lost = run_on("<disk><target bus='virtio' dev='vda'/></disk>"
                            "<interface type='network'><source network='a'/></interface>",
                            gained.record);
  expect(&lost, "target=virtio:vda", "1 recalled");
  expect(&lost, "mac=52:54:00:AB:CD:EF", "not there");
  expect(&lost, "mac=52:54:00:ab:cd:ef", "3 recalled");
}

static void test_another_mac_is_another_device(void) {
  g_auto(Run) first = run_on(NIC("1") NIC("2"), NULL);
  g_auto(Run) second = run_on(NIC("3") NIC("2"), first.record);
  expect(&second, "mac=" MAC("3"), "4 first");
  g_auto(Run) third = run_on(NIC("3") NIC("1") NIC("2"), second.record);
  expect(&third, "mac=" MAC("1"), "1 returned");
}

static void test_derived_mac_is_remembered(void) {
  g_auto(Run) first = run_on("<interface type='user' model='small'/>", NULL);
  const BerthRecordEntry *entry = g_ptr_array_index(first.record->entries, 0);
  g_assert_cmpstr(berth_model_record_entry_get(entry, "mac/@address"), ==, "52:54:00:00:00:01");
  g_auto(Run) second = run_on(NIC("7") "<interface type='user' model='small'/>", first.record);
  expect(&second, "mac=52:54:00:00:00:01", "1 recalled");
}

static void test_teaming_pair(void) {
  const char *pair = "<interface type='network' model='small'><source network='lan'/><mac address='" MAC(
      "1") "'/></interface>"
           "<interface type='hostdev' model='big'><source><address type='pci' bus='3' slot='0' function='2'/></source>"
           "<mac address='" MAC("1") "'/></interface>";
  const char *turned =
      "<interface type='hostdev' model='big'><source><address type='pci' bus='3' slot='0' function='2'/></source>"
      "<mac address='" MAC("1") "'/></interface>"
                                "<interface type='network' model='small'><source network='lan'/><mac address='" MAC(
                                    "1") "'/></interface>";
  g_auto(Run) first = run_on(pair, NULL);
  expect(&first, "kind=small#0", "1 first");
  expect(&first, "source=pci:0000:03:00.2", "2 first");
  g_auto(Run) second = run_on(turned, first.record);
  expect(&second, "kind=small#0", "1 recalled");
  expect(&second, "source=pci:0000:03:00.2", "2 recalled");
}

static void test_content_before_ordinal(void) {
  const char *a = "<rng model='small'><rate bytes='1' period='2'/><backend model='random'>/dev/random</backend></rng>\n";
  const char *b = "<rng model='small'><backend model='egd'/></rng>\n";
  const char *b_other_way = "<rng\n model=\"small\"><backend  model='egd'></backend><address type='pci'/></rng>\n";
  g_autofree char *both = g_strconcat(a, b, NULL);
  g_auto(Run) first = run_on(both, NULL);
  expect(&first, "kind=small#1", "2 first");
  g_auto(Run) second = run_on(b_other_way, first.record);
  expect(&second, "kind=small#0", "2 recalled");
  g_auto(Run) third = run_on(both, second.record);
  expect(&third, "kind=small#0", "1 returned");
  expect(&third, "kind=small#1", "2 recalled");
}

static void test_hostdev_is_its_source(void) {
  const char *usb = "<hostdev type='usb' model='small'><source><vendor id='0x1D6B'/><product id='2'/></source></hostdev>";
  const char *pci =
      "<hostdev type='pci' model='small'><source><address domain='0' bus='0x3' slot='0x0A' function='0'/></source></hostdev>";
  g_autofree char *one = g_strconcat(usb, pci, NULL), *two = g_strconcat(pci, usb, NULL);
  g_auto(Run) first = run_on(one, NULL);
  g_auto(Run) second = run_on(two, first.record);
  expect(&second, "source=usb:1d6b:0002", "1 recalled");
  expect(&second, "source=pci:0000:03:0a.0", "2 recalled");
}

static void test_elements_never_mix(void) {
  g_auto(Run) first = run_on("<rng model='small'/>", NULL);
  g_auto(Run) second = run_on("<hostdev type='mdev' model='small'/>", first.record);
  expect(&second, "kind=small#0", "3 first"); /* rng at 1, balloon at 2 */
}

static void test_implicit_device(void) {
  g_auto(Run) first = run_on(NIC("1"), NULL);
  g_auto(Run) second = run_on(NIC("2") NIC("1"), first.record);
  const BerthDevice *balloon = g_ptr_array_index(second.inventory->devices, second.inventory->devices->len - 1);
  g_assert_cmpint(balloon->element->id, ==, BERTH_MEMBALLOON);
  g_assert_cmpuint(balloon->address.value[BERTH_PCI_SLOT], ==, 2);
  g_assert_cmpint(balloon->rule, ==, BERTH_RULE_RECALLED);
}

/* ---- the document is law ---- */

static void test_explicit_address_wins(void) {
  g_auto(Run) first = run_on(NIC("1") NIC("2"), NULL);
  g_auto(Run) second = run_on(NIC_AT("1", "9") NIC("2"), first.record);
  expect(&second, "mac=" MAC("1"), "9 document");
  expect(&second, "mac=" MAC("2"), "2 recalled");
  g_auto(Run) third = run_on(NIC("1") NIC("2"), second.record);
  expect(&third, "mac=" MAC("1"), "9 recalled");
}

static void test_conflict(void) {
  g_auto(Run) first = run_on(NIC("1") NIC("2"), NULL);
  const BerthPlanOptions options = {.record = first.record};
  g_auto(Run) second = run_with(NIC("1") NIC_AT("2", "1"), &options);
  g_assert_error(second.error, BERTH_ERROR, BERTH_ERROR_CONFLICT);
  g_assert_true(g_str_has_prefix(second.error->message, "toy.xml:3: interface " MAC("2")));
  g_assert_nonnull(strstr(second.error->message, "interface " MAC("1") " (line 2)"));
  g_assert_null(second.record);

  const BerthPlanOptions moving = {.record = first.record, .allow_move = TRUE};
  g_auto(Run) third = run_with(NIC("1") NIC_AT("2", "1"), &moving);
  g_assert_no_error(third.error);
  expect(&third, "mac=" MAC("2"), "1 document");
  expect(&third, "mac=" MAC("1"), "2 first");
  g_assert_cmpuint(third.notes->len, ==, 1);
  g_assert_nonnull(strstr(g_ptr_array_index(third.notes, 0), MAC("1") " moves"));
}

static void test_swap_is_no_conflict(void) {
  g_auto(Run) first = run_on(NIC("1") NIC("2"), NULL);
  g_auto(Run) second = run_on(NIC_AT("1", "2") NIC_AT("2", "1"), first.record);
  expect(&second, "mac=" MAC("1"), "2 document");
}

static void test_reservation_ends_when_taken(void) {
  g_auto(Run) first = run_on(NIC("1") NIC("2"), NULL);
  g_auto(Run) second = run_on(NIC("2"), first.record);
  g_assert_cmpuint(second.record->entries->len, ==, 3);
  g_auto(Run) third = run_on(NIC("2") NIC_AT("4", "1"), second.record);
  expect(&third, "mac=" MAC("4"), "1 document");
  g_assert_cmpuint(third.record->entries->len, ==, 3);
  g_auto(Run) fourth = run_on(NIC("1") NIC("2") NIC("4"), third.record);
  expect(&fourth, "mac=" MAC("1"), "4 first");
}

static void test_gone_are_oldest_first(void) {
  g_auto(Run) all = run_on(NIC("1") NIC("2") NIC("3"), NULL);
  g_auto(Run) two = run_on(NIC("1") NIC("3"), all.record);
  g_auto(Run) none = run_on("", two.record);
  g_assert_cmpuint(none.record->entries->len, ==, 4);
  const char *const order[] = {"mac=" MAC("2"), "mac=" MAC("1"), "mac=" MAC("3")};
  for (guint i = 0; i < 3; i++) {
    const BerthRecordEntry *entry = g_ptr_array_index(none.record->entries, i + 1);
    g_assert_cmpstr(g_ptr_array_index(entry->keys, 0), ==, order[i]);
  }
}

static void test_equal_names_are_refused(void) {
  static const char *const bodies[] = {
      "<rng><alias name='ua-x'/></rng>\n<rng><alias name='ua-x'/></rng>\n",
      "<disk><target bus='sata' dev='sda'/></disk>\n<disk><target bus='scsi' dev='sda'/></disk>\n"};
  const BerthPlanOptions options = {0};
  for (guint i = 0; i < G_N_ELEMENTS(bodies); i++) {
    g_auto(Run) run = run_with(bodies[i], &options);
    g_assert_error(run.error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
    g_assert_true(g_str_has_prefix(run.error->message, "toy.xml:3: "));
    g_assert_true(g_str_has_suffix(run.error->message, "(line 2)"));
  }
}

/* ---- kinds and controllers ---- */

#define BIG(rest) "<interface type='user' model='big'><mac address='" MAC("1") "'/>" rest "</interface>\n"

static void test_changed_kind(void) {
  g_autofree char *in_low = g_strdup(BIG(AT("3"))), *in_high = g_strdup(BIG(AT("20")));
  g_auto(Run) low = run_on(in_low, NULL);
  g_auto(Run) stays = run_on(NIC("1"), low.record);
  expect(&stays, "mac=" MAC("1"), "3 recalled");
  g_auto(Run) high = run_on(in_high, NULL);
  g_auto(Run) moves = run_on(NIC("1"), high.record);
  expect(&moves, "mac=" MAC("1"), "2 first");
  g_assert_cmpuint(moves.notes->len, ==, 1);
  /* The same where the model is a default that is filled in later. */
  g_auto(Run) late = run_on("<interface type='user'><mac address='" MAC("1") "'/></interface>", high.record);
  expect(&late, "mac=" MAC("1"), "2 first");
  g_assert_cmpuint(late.notes->len, ==, 1);
}

static void test_changed_family(void) {
  g_auto(Run) first = run_on("<disk><serial>X</serial><target bus='sata' dev='sda'/>"
                             "<address type='drive' controller='0' bus='0' target='0' unit='1'/></disk>",
                             NULL);
  g_auto(Run) second = run_on("<disk><serial>X</serial><target bus='virtio' dev='vda'/></disk>", first.record);
  expect(&second, "serial=X", "2 first");
}

#define BRIDGE(rest) "<controller type='pci' model='small' index='1'><target chassisNr='9'/>" rest "</controller>\n"
#define NIC_BEHIND                                                                                                                 \
  "<interface type='network' model='small'><source network='lan'/><mac address='" MAC(                                             \
      "1") "'/>"                                                                                                                   \
           "<address type='pci' domain='0' bus='1' slot='4' function='0'/></interface>\n"

static BerthRecord *with_origin(const BerthRecord *record, BerthOrigin origin) {
  g_autofree char *json = berth_record_to_json(record);
  BerthRecord *copy = berth_record_parse(json, -1, "copy", NULL);
  for (guint i = 0; i < copy->entries->len; i++) {
    BerthRecordEntry *entry = g_ptr_array_index(copy->entries, i);
    if (strcmp(entry->element, "controller") == 0)
      entry->origin = origin;
  }
  return copy;
}

static void test_added_controller_stays(void) {
  g_auto(Run) first = run_on(BRIDGE(AT("7")) NIC_BEHIND, NULL);
  g_autoptr(BerthRecord) grown = with_origin(first.record, BERTH_ORIGIN_GROWN);
  g_auto(Run) empty = run_on(NIC("2"), grown);
  expect(&empty, "controller=pci:1", "7 recalled");
  const BerthDevice *bridge = berth_model_inventory_controller(empty.inventory, "pci", 1);
  g_assert_null(bridge->node);
  g_assert_cmpint(bridge->origin, ==, BERTH_ORIGIN_RECORD);
  g_assert_true(berth_model_device_is(bridge, "@model", "small"));
  g_assert_true(berth_model_device_is(bridge, "target/@chassisNr", "9"));
  g_auto(Run) back = run_on(NIC("1"), empty.record);
  expect(&back, "mac=" MAC("1"), "1:4 returned");
  expect(&back, "controller=pci:1", "7 recalled");
  /* Written down without address it is the same one, and still berth's own when it is left out again. */
  g_auto(Run) written = run_on(BRIDGE("") NIC("1"), back.record);
  expect(&written, "controller=pci:1", "7 recalled");
  g_assert_cmpuint(written.inventory->devices->len, ==, 3);
  g_auto(Run) left_out = run_on("", written.record);
  expect(&left_out, "controller=pci:1", "7 recalled");
}

static void test_written_controller_stays_while_used(void) {
  g_auto(Run) first = run_on(BRIDGE(AT("7")) NIC_BEHIND, NULL);
  g_auto(Run) used = run_on(NIC("1"), first.record);
  expect(&used, "mac=" MAC("1"), "1:4 recalled");
  expect(&used, "controller=pci:1", "7 recalled");
  g_auto(Run) unused = run_on("", first.record);
  expect(&unused, "controller=pci:1", "not there");
  g_auto(Run) returned = run_on(NIC("1"), unused.record);
  expect(&returned, "mac=" MAC("1"), "1:4 returned");
  expect(&returned, "controller=pci:1", "7 returned");
}

static void test_document_redefines_controller(void) {
  g_auto(Run) first = run_on(BRIDGE(AT("7")) NIC_BEHIND, NULL);
  g_autoptr(BerthRecord) grown = with_origin(first.record, BERTH_ORIGIN_GROWN);
  g_auto(Run) second = run_on("<controller type='pci' model='other' index='1'>" AT("12") "</controller>" NIC("1"), grown);
  expect(&second, "controller=pci:1", "12 document");
  expect(&second, "mac=" MAC("1"), "1:4 recalled"); /* asked, and it fits */
}

#define USB(index, model) "<controller type='usb' index='" index "' model='" model "'/>\n"

static void test_companions_share_a_key(void) {
  const char *one = USB("0", "ehci1") USB("0", "uhci1") USB("0", "uhci2") USB("1", "ehci1");
  const char *two = USB("0", "uhci2") USB("0", "ehci1") USB("0", "uhci1") USB("1", "ehci1");
  g_auto(Run) first = run_on(one, NULL);
  g_auto(Run) second = run_on(two, first.record);
  expect(&second, "kind=usb/ehci1#0", "1 recalled");
  expect(&second, "kind=usb/uhci1#0", "2 recalled");
  expect(&second, "kind=usb/uhci2#0", "3 recalled");
  g_autoptr(BerthRecord) grown = with_origin(first.record, BERTH_ORIGIN_GROWN);
  g_auto(Run) third = run_on("", grown);
  g_assert_cmpuint(third.inventory->devices->len, ==, 5); /* all four are back, and the balloon */
  expect(&third, "kind=usb/uhci2#0", "3 recalled");
  g_auto(Run) fourth = run_on("<controller type='usb' index='0' model='xhci'/>", grown);
  g_assert_cmpuint(fourth.inventory->devices->len, ==, 3); /* no companion of what the document has replaced */
}

#define STICK(rest) "<rng model='stick'><alias name='ua-stick'/>" rest "</rng>"

/* A hub that has gone from the document is still what another's port hangs from. */
static void test_hub_stays_while_used(void) {
  g_autofree char *at = g_strdup(STICK("<address type='usb' bus='0' port='2.1'/>")), *bare = g_strdup(STICK(""));
  g_autofree char *with_hub = g_strconcat("<hub type='usb' model='h'><address type='usb' bus='0' port='2'/></hub>", at, NULL);
  g_auto(Run) first = run_on(with_hub, NULL);
  g_auto(Run) second = run_on(bare, first.record);
  guint position = 0;
  const BerthDevice *hub = berth_model_inventory_walk(second.inventory, BERTH_HUB, &position);
  g_assert_nonnull(hub);
  g_autofree char *place = berth_model_address_to_string(&hub->address);
  g_assert_cmpstr(place, ==, "usb 0:2");
  g_assert_cmpint(hub->rule, ==, BERTH_RULE_RECALLED);
  g_assert_true(berth_model_device_is(hub, "@type", "usb"));
  g_auto(Run) third = run_on("", first.record);
  position = 0;
  g_assert_null(berth_model_inventory_walk(third.inventory, BERTH_HUB, &position));
}

static void test_other_machine(void) {
  g_auto(Run) first = run_on(BRIDGE(AT("7")) NIC_BEHIND, NULL);
  g_autoptr(BerthRecord) moved = with_origin(first.record, BERTH_ORIGIN_GROWN);
  g_free(moved->machine);
  moved->machine = g_strdup("pc-q35-7.2");
  g_auto(Run) second = run_on("<interface type='network' model='small'><source network='lan'/></interface>", moved);
  expect(&second, "mac=" MAC("1"), "1 first"); /* the MAC is kept, the place is not */
  expect(&second, "controller=pci:1", "not there");
  g_assert_cmpuint(second.record->entries->len, ==, 2);
}

/* ---- the head, --previous, and size ---- */

static void test_uuid(void) {
  const BerthPlanOptions fresh = {.uuid = "11111111-1111-1111-1111-111111111111"};
  g_auto(Run) first = run_with(NIC("1"), &fresh);
  g_assert_cmpstr(first.record->uuid, ==, "11111111-1111-1111-1111-111111111111");
  const BerthPlanOptions again = {.record = first.record, .uuid = "22222222-2222-2222-2222-222222222222"};
  g_auto(Run) second = run_with(NIC("1"), &again);
  g_assert_cmpstr(second.record->uuid, ==, "11111111-1111-1111-1111-111111111111");
  g_auto(Run) third = run_with("<uuid>33333333-3333-3333-3333-333333333333</uuid>" NIC("1"), &again);
  g_assert_cmpstr(third.record->uuid, ==, "33333333-3333-3333-3333-333333333333");
}

static void test_since(void) {
  const BerthPlanOptions monday = {.now = "monday"};
  g_auto(Run) first = run_with(NIC("1"), &monday);
  const BerthPlanOptions tuesday = {.now = "tuesday", .record = first.record};
  g_auto(Run) second = run_with(NIC("2") NIC("1"), &tuesday);
  g_assert_cmpstr(((BerthRecordEntry *)g_ptr_array_index(second.record->entries, 0))->since, ==, "monday");
  guint last = second.record->entries->len - 1;
  g_assert_cmpstr(((BerthRecordEntry *)g_ptr_array_index(second.record->entries, last))->since, ==, "tuesday");
}

static void test_record_of(void) {
  g_autoptr(GError) error = NULL;
  const char xml[] =
      "<domain type='kvm'><name>old</name><os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type></os>" BRIDGE(AT("7"))
          NIC_BEHIND "<rng model='small'/></domain>";
  g_autoptr(GBytes) bytes = g_bytes_new_static(xml, strlen(xml));
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(bytes, "old.xml", &error);
  g_assert_no_error(error);
  g_autoptr(BerthRecord) record = berth_assign_record_of(read_toy(document), &tables, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(record->machine, ==, "pc-i440fx-7.2");
  g_assert_cmpuint(record->entries->len, ==, 2); /* the rng has no address */
  g_auto(Run) run = run_on(NIC("2") NIC("1"), record);
  expect(&run, "mac=" MAC("1"), "1:4 recalled");
  expect(&run, "controller=pci:1", "7 recalled");
}

/* Ten thousand alike, with one MAC: quadratic matching would take minutes here. */
static void test_many_alike(void) {
  g_autoptr(GString) body = g_string_new(NULL);
  for (guint i = 0; i < 10000; i++)
    g_string_append_printf(
        body,
        "<interface type='user' model='small'><mac address='" MAC("1") "'/><address type='pci' domain='%u' bus='0' "
                                                                       "slot='1' function='0'/></interface>\n",
        i);
  g_auto(Run) first = run_on(body->str, NULL);
  g_autoptr(GString) bare = g_string_new(NULL);
  for (guint i = 0; i < 10000; i++)
    g_string_append(bare, "<interface type='user' model='small'><mac address='" MAC("1") "'/></interface>\n");
  g_auto(Run) second = run_on(bare->str, first.record);
  for (guint i = 0; i < 10000; i++) {
    const BerthDevice *device = g_ptr_array_index(second.inventory->devices, i);
    g_assert_cmpuint(device->address.value[BERTH_PCI_DOMAIN], ==, i);
  }
}

#define TEST(name, function) g_test_add_func("/recall/" name, function)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  TEST("reordered-devices-stay", test_reordered);
  TEST("a-removed-device-gets-its-place-back", test_removed_and_returned);
  TEST("keys-gained-and-lost-move-nothing", test_keys_gained_and_lost);
  TEST("another-mac-is-another-device", test_another_mac_is_another_device);
  TEST("a-derived-mac-is-remembered", test_derived_mac_is_remembered);
  TEST("a-teaming-pair-is-told-apart", test_teaming_pair);
  TEST("content-goes-before-ordinal", test_content_before_ordinal);
  TEST("a-hostdev-is-its-source", test_hostdev_is_its_source);
  TEST("elements-never-mix", test_elements_never_mix);
  TEST("an-implicit-device-is-recalled", test_implicit_device);
  TEST("an-explicit-address-wins", test_explicit_address_wins);
  TEST("an-explicit-address-on-a-recorded-place-is-a-conflict", test_conflict);
  TEST("a-swap-is-no-conflict", test_swap_is_no_conflict);
  TEST("a-reservation-ends-when-taken", test_reservation_ends_when_taken);
  TEST("the-gone-are-oldest-first", test_gone_are_oldest_first);
  TEST("equal-aliases-and-targets-are-refused", test_equal_names_are_refused);
  TEST("a-changed-kind-stays-if-it-fits", test_changed_kind);
  TEST("a-changed-family-is-placed-anew", test_changed_family);
  TEST("an-added-controller-stays", test_added_controller_stays);
  TEST("a-written-controller-stays-while-used", test_written_controller_stays_while_used);
  TEST("the-document-redefines-a-controller", test_document_redefines_controller);
  TEST("usb-companions-share-a-key", test_companions_share_a_key);
  TEST("a-hub-stays-while-used", test_hub_stays_while_used);
  TEST("another-machine-keeps-macs-only", test_other_machine);
  TEST("uuid", test_uuid);
  TEST("since", test_since);
  TEST("record-of-an-earlier-document", test_record_of);
  TEST("many-alike-take-linear-time", test_many_alike);
  return g_test_run();
}
