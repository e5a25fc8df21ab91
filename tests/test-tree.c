/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is taken from QEMU's device tree: answers of real QEMUs (tests/trees), and of one that says what it is told to. */
#include "families-toy.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/readback.h"
#include "guest/tree.h"

#define GREETING "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 7, \"minor\": 2, \"micro\": 0}}, \"capabilities\": []}}\n"
#define LONG_MS 10000

static const char *const names[] = {"addr", "unit", "channel", "scsi-id", "lun",    "nsid", "port",
                                    "nr",   "slot", "iobase",  "irq",     "ioport", NULL};

/* --- what real ones say ----------------------------------------------------------------------------------------------- */

static void assert_told(GHashTable *tree, const char *id, const char *bus, const char *values) {
  const BerthTreeDevice *device = g_hash_table_lookup(tree, id);
  g_assert_nonnull(device);
  g_assert_cmpstr(device->bus, ==, bus);
  g_assert_cmpstr(berth_json_line(device->values), ==, values);
}

static void a_real_tree_is_read(gconstpointer data) {
  g_autofree char *path = g_test_build_filename(G_TEST_DIST, "trees", data, NULL);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  g_file_get_contents(path, &text, NULL, &error);
  g_assert_no_error(error);
  g_autoptr(GHashTable) tree = berth_guest_tree_new();
  berth_guest_tree_parse(text, names, tree);
  assert_told(tree, "pci.2", "pci.1", "{\"addr\":0}");
  assert_told(tree, "rng0", "pci.2", "{\"addr\":255}");
  assert_told(tree, "scsi0-0-2-17", "scsi0.0", "{\"channel\":0,\"scsi-id\":2,\"lun\":17}");
  assert_told(tree, "input0", "usb.0", "{\"port\":\"1.4\"}");
  assert_told(tree, "hub0", "usb.0", "{\"port\":\"1\"}");
  assert_told(tree, "sata0-0-3", "ide.3", "{\"unit\":0}");
  assert_told(tree, "channel0", "virtio-serial0.0", "{\"nr\":3}");
  assert_told(tree, "serial0", "isa.0", "{\"iobase\":760,\"irq\":3}");
  assert_told(tree, "panic0", "isa.0", "{\"ioport\":1285}");
  assert_told(tree, "smartcard0", "ccid0.0", "{\"slot\":0}");
  assert_told(tree, "fdc0-0-1", "fdc0.0", "{\"unit\":1}");
  g_assert_null(g_hash_table_lookup(tree, ""));
}

/* --- what may come ---------------------------------------------------------------------------------------------------- */

static void assert_tree(const char *text, const char *expected) {
  g_autoptr(GHashTable) tree = berth_guest_tree_new();
  berth_guest_tree_parse(text, names, tree);
  g_autoptr(GList) ids = g_list_sort(g_hash_table_get_keys(tree), (GCompareFunc)strcmp);
  g_autoptr(GString) said = g_string_new(NULL);
  for (GList *id = ids; id != NULL; id = id->next) {
    const BerthTreeDevice *device = g_hash_table_lookup(tree, id->data);
    g_string_append_printf(said, "%s %s %s;", (char *)id->data, device->bus, berth_json_line(device->values));
  }
  g_assert_cmpstr(said->str, ==, expected);
}

static void only_what_is_plain_is_taken(void) {
  assert_tree(NULL, "");
  assert_tree("", "");
  assert_tree("nonsense\n\n   \n", "");
  assert_tree("bus: b\n  dev: d, id \"a\"\n    lun = 1 (0x1)", "a b {\"lun\":1};");
  assert_tree("bus: b\r\n  type T\r\n  dev: d, id \"a\"\r\n    lun = 1\r\n    unit = 2 (0x2)\r\n", "a b {\"lun\":1,\"unit\":2};");
  /* Not a number, not an address, not a string; and too large a number. */
  assert_tree("bus: b\n  dev: d, id \"a\"\n    lun = <unset>\n    unit = -1\n    slot = 1x\n    nr = 99999999999999999999 (0x0)\n"
              "    addr = 1f.8\n    port = \"\n    channel =\n    nsid = 7",
              "a b {\"nsid\":7};");
  /* A device on no bus, one without id, and one whose line breaks off. */
  assert_tree("dev: d, id \"a\"\n  lun = 1\nbus: b\n  dev: d, id \"\"\n    lun = 2\n  dev: d, id \"c\n    lun = 3\n  dev: d\n", "");
  /* What is below a device's own bus is not the device's. */
  assert_tree("bus: b\n  dev: d, id \"a\"\n    bus: c\n      dev: d, id \"e\"\n        lun = 2\n    lun = 1\n  dev: d, id \"f\"\n",
              "a b {};e c {\"lun\":2};f b {};");
  /* A string with lines of its own. */
  assert_tree("bus: b\n  dev: d, id \"a\"\n    serial = \"\n  dev: d, id \"c\"\n    lun = 7\n  dev: d, id \"c\"\n    lun = 1\n",
              "a b {};");
  assert_tree("bus: b\n  dev: d, id \"a\"\n    lun = 1\n    serial = \"\n    lun = 7\n    unit = 1\n  dev: d, id \"c\"\n",
              "c b {};");
  g_autofree char *deep = g_strnfill(1 << 20, ' ');
  g_autofree char *text = g_strconcat(deep, "bus: b\n", deep, "  dev: d, id \"a\"\n", NULL);
  assert_tree(text, "");
}

/* --- what is made of it ----------------------------------------------------------------------------------------------- */

/* What a QEMU answers to qom-get; @value is JSON. */
typedef struct {
  const char *id, *property, *value;
} Property;

typedef struct {
  int fd;
  const char *tree; /* NULL: refuses */
  const Property *properties;
  GString *asked; /* the last letter of each id, once per property */
} Peer;

static json_object *children(const Peer *peer) {
  json_object *list = json_object_new_array();
  g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
  for (const Property *p = peer->properties; p->id != NULL; p++) {
    if (!g_hash_table_add(ids, (gpointer)p->id))
      continue;
    json_object *child = json_object_new_object();
    berth_json_set_string(child, "name", p->id);
    berth_json_set_string(child, "type", "child<toy>");
    json_object_array_add(list, child);
  }
  return list;
}

/* NULL: it has no such property. (transfer full) */
static json_object *property_of(const Peer *peer, const char *path, const char *property) {
  const char *id = strrchr(path, '/') + 1;
  g_string_append_c(peer->asked, id[strlen(id) - 1]);
  for (const Property *p = peer->properties; p->id != NULL; p++)
    if (g_str_equal(p->id, id) && g_str_equal(p->property, property))
      return json_tokener_parse(p->value);
  return NULL;
}

/* NULL: it refuses. (transfer full) */
static json_object *answer_to(const Peer *peer, const char *command, json_object *args) {
  const char *path = berth_json_member_string_or(args, "path", "");
  if (g_str_equal(command, "human-monitor-command"))
    return peer->tree != NULL ? json_object_new_string(peer->tree) : NULL;
  if (g_str_equal(command, "qom-list"))
    return g_str_has_suffix(path, "/peripheral") ? children(peer) : json_object_new_array();
  if (g_str_equal(command, "qom-get"))
    return property_of(peer, path, berth_json_member_string(args, "property"));
  return g_str_equal(command, "qmp_capabilities") ? json_object_new_object() : NULL;
}

static gpointer serve(gpointer data) {
  Peer *peer = data;
  FILE *stream = fdopen(peer->fd, "r");
  char *line = NULL;
  size_t room = 0;
  dprintf(peer->fd, GREETING);
  while (getline(&line, &room, stream) > 0) {
    g_autoptr(json_object) command = berth_json_parse(line, -1, NULL);
    g_autoptr(json_object) reply = json_object_new_object();
    json_object *answer =
        answer_to(peer, berth_json_member_string(command, "execute"), berth_json_member_object(command, "arguments"));
    if (answer != NULL)
      berth_json_set(reply, "return", answer);
    else
      berth_json_set(reply, "error", berth_json_parse("{\"class\":\"GenericError\",\"desc\":\"no\"}", -1, NULL));
    berth_json_set_int(reply, "id", berth_json_member_int(command, "id", -1));
    dprintf(peer->fd, "%s\n", berth_json_line(reply));
  }
  free(line);
  fclose(stream);
  return NULL;
}

/* @expected: the states of @guest's devices; @asked: who was asked for by QOM. */
static void assert_read(const Guest *guest, const char *tree, const Property *properties, const char *expected, const char *asked) {
  int ends[2];
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  g_autoptr(GString) heard = g_string_new(NULL), states = g_string_new(NULL);
  Peer peer = {.fd = ends[1], .tree = tree, .properties = properties, .asked = heard};
  GThread *thread = g_thread_new("peer", serve, &peer);
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = berth_qmp_new(ends[0], "QEMU", LONG_MS, &error);
  g_assert_no_error(error);
  g_autoptr(GPtrArray) places = berth_guest_read_back(qmp, guest->inventory, berth_families, NULL, LONG_MS, &error);
  g_assert_no_error(error);
  for (guint i = 0; i < places->len; i++) {
    const BerthPlace *place = places->pdata[i];
    g_autofree char *actual = place->actual.type != BERTH_ADDRESS_NONE ? berth_model_address_to_string(&place->actual) : NULL;
    g_string_append_printf(states, "%s %s;", berth_guest_place_state_name(place->state), actual != NULL ? actual : place->bus);
  }
  g_assert_cmpstr(states->str, ==, expected);
  g_clear_pointer(&qmp, berth_qmp_free);
  g_thread_join(thread);
  g_assert_cmpstr(heard->str, ==, asked);
}

#define SCSI_BUS "\"/machine/peripheral/scsi0/virtio-backend/scsi0.0\""
#define SCSI_DISK(id, lun)                                                                                                         \
  {id, "parent_bus", SCSI_BUS}, {id, "scsi-id", "0"}, {                                                                            \
    id, "lun", lun                                                                                                                 \
  }
#define TREE_DISK(id, lun) "  dev: scsi-hd, id \"" id "\"\n    channel = 0 (0x0)\n    scsi-id = 0 (0x0)\n    lun = " lun "\n"
#define FIRST TREE_DISK("scsi0-0-0-1", "1 (0x1)")

static const Property in_place[] = {SCSI_DISK("scsi0-0-0-1", "1"), SCSI_DISK("scsi0-0-0-2", "2"), {NULL}};
static const Property other_moved[] = {SCSI_DISK("scsi0-0-0-1", "1"), SCSI_DISK("scsi0-0-0-2", "3"), {NULL}};

/* Two disks, the other one of which may be elsewhere. */
static void assert_disks(const char *tree, gboolean moved, const char *asked) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "scsi", "0", "virtio-scsi");
  at(disk(&guest, "scsi", "sdb"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 1)->id = g_strdup("scsi0-0-0-1");
  at(disk(&guest, "scsi", "sdc"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 2)->id = g_strdup("scsi0-0-0-2");
  assert_read(&guest, tree, moved ? other_moved : in_place,
              moved ? "ok drive 0:0:0:1;moved drive 0:0:0:3;" : "ok drive 0:0:0:1;ok drive 0:0:0:2;", asked);
}

static void a_tree_that_agrees_is_believed(void) {
  assert_disks("bus: scsi0.0\n" FIRST TREE_DISK("scsi0-0-0-2", "2 (0x2)"), FALSE, "");
}

static void what_the_tree_tells_otherwise_is_asked_by_qom(void) {
  const char *otherwise = "bus: scsi0.0\n" FIRST TREE_DISK("scsi0-0-0-2", "3 (0x3)");
  assert_disks(otherwise, TRUE, "222");
  assert_disks(otherwise, FALSE, "222");
  assert_disks("bus: scsi0.0\n" FIRST, FALSE, "222");
  assert_disks("bus: scsi0.0\n" FIRST TREE_DISK("scsi0-0-0-2", "2 (0x2)") TREE_DISK("scsi0-0-0-2", "3 (0x3)"), TRUE, "222");
}

static void without_a_tree_all_is_asked_by_qom(void) {
  assert_disks(NULL, FALSE, "111222");
  assert_disks("nonsense", TRUE, "111222");
}

/* As QEMU 10.0 has them: the bus is the subsystem's. */
static void a_namespace_is_known_by_its_controllers_subsystem(void) {
#define NAMESPACES(first, second)                                                                                                  \
  {"nvme0", "subsys", "\"/machine/unattached/device[22]\""}, {"nvme1", "subsys", "\"/machine/unattached/device[2]\""},             \
      {"nvme0-0-0", "parent_bus", first}, {"nvme0-0-0", "nsid", "1"}, {"nvme1-0-0", "parent_bus", second},                         \
      {"nvme1-0-0", "nsid", "1"}, {                                                                                                \
    NULL                                                                                                                           \
  }
#define BUS(n) "\"/machine/unattached/device[" n "]/nvme-bus.0\""
  static const Property right[] = {NAMESPACES(BUS("22"), BUS("2"))}, wrong[] = {NAMESPACES(BUS("22"), BUS("22"))};
  static const Property old[] = {NAMESPACES("\"/machine/peripheral/nvme0/nvme0\"", "\"/machine/peripheral/nvme1/nvme1\"")};
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "nvme", "0", NULL)->id = g_strdup("nvme0");
  controller(&guest, "nvme", "1", NULL)->id = g_strdup("nvme1");
  at(disk(&guest, "nvme", "nvme0n1"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 0)->id = g_strdup("nvme0-0-0");
  at(disk(&guest, "nvme", "nvme1n1"), BERTH_ADDRESS_DRIVE, 1, 0, 0, 0)->id = g_strdup("nvme1-0-0");
  assert_read(&guest, NULL, right, "ok drive 0:0:0:0;ok drive 1:0:0:0;", "000001");
  assert_read(&guest, NULL, wrong, "ok drive 0:0:0:0;moved nvme-bus.0;", "000001");
  assert_read(&guest, NULL, old, "ok drive 0:0:0:0;ok drive 1:0:0:0;", "000001");
}

#define TEST(name) g_test_add_func("/tree/" #name, name)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_data_func("/tree/qemu-7.2", "qemu-7.2.txt", a_real_tree_is_read);
  g_test_add_data_func("/tree/qemu-11.1", "qemu-11.1.txt", a_real_tree_is_read);
  TEST(only_what_is_plain_is_taken);
  TEST(a_tree_that_agrees_is_believed);
  TEST(what_the_tree_tells_otherwise_is_asked_by_qom);
  TEST(without_a_tree_all_is_asked_by_qom);
  TEST(a_namespace_is_known_by_its_controllers_subsystem);
  return g_test_run();
}
