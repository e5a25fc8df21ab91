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
  g_autoptr(GHashTable) tree = berth_guest_tree_parse(text, names);
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
  g_autoptr(GHashTable) tree = berth_guest_tree_parse(text, names);
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
  g_autofree char *deep = g_strnfill(1 << 20, ' ');
  g_autofree char *text = g_strconcat(deep, "bus: b\n", deep, "  dev: d, id \"a\"\n", NULL);
  assert_tree(text, "");
}

/* --- what is made of it ----------------------------------------------------------------------------------------------- */

/* A QEMU whose two disks are scsi0-0-0-1 and scsi0-0-0-2; what it says when it is asked for the second one's LUN. */
typedef struct {
  int fd;
  const char *tree; /* NULL: refuses */
  int second;
  GString *asked; /* each disk, once per property */
} Peer;

static json_object *property_of(const Peer *peer, const char *path, const char *property) {
  if (g_str_equal(property, "parent_bus"))
    return json_object_new_string("/machine/peripheral/scsi0/virtio-backend/scsi0.0");
  return json_object_new_int(!g_str_equal(property, "lun") ? 0 : g_str_has_suffix(path, "-1") ? 1 : peer->second);
}

/* NULL: it refuses. (transfer full) */
static json_object *answer_to(Peer *peer, const char *command, json_object *args) {
  if (g_str_equal(command, "human-monitor-command"))
    return peer->tree != NULL ? json_object_new_string(peer->tree) : NULL;
  if (g_str_equal(command, "qom-list")) {
    gboolean named = g_str_has_suffix(berth_json_member_string(args, "path"), "peripheral");
    return json_tokener_parse(named ? "[{\"name\":\"scsi0-0-0-1\",\"type\":\"child<scsi-hd>\"},"
                                      "{\"name\":\"scsi0-0-0-2\",\"type\":\"child<scsi-hd>\"}]"
                                    : "[]");
  }
  if (!g_str_equal(command, "qom-get"))
    return g_str_equal(command, "qmp_capabilities") ? json_object_new_object() : NULL;
  const char *path = berth_json_member_string(args, "path");
  g_string_append_c(peer->asked, path[strlen(path) - 1]);
  return property_of(peer, path, berth_json_member_string(args, "property"));
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

/* @expected: the states of the two disks; @asked: who was asked for by QOM. */
static void assert_read(const char *tree, int second, const char *expected, const char *asked) {
  int ends[2];
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  g_autoptr(GString) heard = g_string_new(NULL);
  Peer peer = {.fd = ends[1], .tree = tree, .second = second, .asked = heard};
  GThread *thread = g_thread_new("peer", serve, &peer);
  g_autoptr(GError) error = NULL;
  g_autoptr(BerthQmp) qmp = berth_qmp_new(ends[0], "QEMU", LONG_MS, &error);
  g_assert_no_error(error);
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "scsi", "0", "virtio-scsi");
  at(disk(&guest, "scsi", "sdb"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 1)->id = g_strdup("scsi0-0-0-1");
  at(disk(&guest, "scsi", "sdc"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 2)->id = g_strdup("scsi0-0-0-2");
  g_autoptr(GPtrArray) places = berth_guest_read_back(qmp, guest.inventory, berth_families, NULL, LONG_MS, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(places->len, ==, 2);
  const BerthPlace *first = places->pdata[0], *other = places->pdata[1];
  g_autofree char *states =
      g_strconcat(berth_guest_place_state_name(first->state), " ", berth_guest_place_state_name(other->state), NULL);
  g_assert_cmpstr(states, ==, expected);
  g_assert_cmpstr(first->bus, ==, "scsi0.0");
  g_assert_cmpuint(other->actual.value[BERTH_DRIVE_UNIT], ==, second);
  g_clear_pointer(&qmp, berth_qmp_free);
  g_thread_join(thread);
  g_assert_cmpstr(heard->str, ==, asked);
}

#define DISK(id, lun) "  dev: scsi-hd, id \"" id "\"\n    channel = 0 (0x0)\n    scsi-id = 0 (0x0)\n    lun = " lun "\n"

static void a_tree_that_agrees_is_believed(void) {
  assert_read("bus: scsi0.0\n" DISK("scsi0-0-0-1", "1 (0x1)") DISK("scsi0-0-0-2", "2 (0x2)"), 2, "ok ok", "");
}

static void what_the_tree_tells_otherwise_is_asked_by_qom(void) {
  const char *tree = "bus: scsi0.0\n" DISK("scsi0-0-0-1", "1 (0x1)") DISK("scsi0-0-0-2", "3 (0x3)");
  assert_read(tree, 3, "ok moved", "222");
  assert_read(tree, 2, "ok ok", "222");
  assert_read("bus: scsi0.0\n" DISK("scsi0-0-0-1", "1 (0x1)"), 2, "ok ok", "222");
  assert_read("bus: scsi0.0\n" DISK("scsi0-0-0-1", "1 (0x1)") DISK("scsi0-0-0-2", "2 (0x2)") DISK("scsi0-0-0-2", "3 (0x3)"), 3,
              "ok moved", "222");
}

static void without_a_tree_all_is_asked_by_qom(void) {
  assert_read(NULL, 2, "ok ok", "111222");
  assert_read("nonsense", 3, "ok moved", "111222");
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
  return g_test_run();
}
