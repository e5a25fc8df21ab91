/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each family tells QEMU and how it reads the answer. The answers are those of QEMU 7.2. */
#include "families-toy.h"

#include "facts/machine.h"

/* What @device is told QEMU, and what QEMU would answer to it: @parent, and @answer (NULL: the very properties). locate() must
 * find the device where it is recorded. */
static void round_trip(Guest *guest, BerthDevice *device, const char *properties, const char *parent, const char *answer) {
  const BerthFamily *family = berth_families_find(berth_families, device->address.type);
  g_autoptr(json_object) props = json_object_new_object();
  family->properties(guest->inventory, device, props);
  const char *text = berth_json_line(props);
  g_assert_cmpstr(text, ==, properties);
  const char *said = answer != NULL ? answer : text;
  g_autoptr(json_object) values = berth_json_parse(said, -1, NULL);
  BerthReadBack back = {parent, values};
  BerthAddress found = {.type = BERTH_ADDRESS_NONE};
  g_assert_true(family->locate(guest->inventory, device, &back, &found));
  g_assert_true(berth_model_address_equal(&found, &device->address));
  back.values = json_object_new_object();
  g_assert_false(family->locate(guest->inventory, device, &back, &found));
  json_object_put(back.values);
}

static void drives_are_read_back(void) {
  static const struct {
    const char *bus, *target;
    guint64 value[4];
    const char *properties, *parent, *answer;
  } rows[] = {
      {"ide", "hdd", {0, 1, 0, 1}, "{\"bus\":\"ide.1\",\"unit\":1}", "ide.1", NULL},
      {"sata", "sda", {1, 0, 0, 5}, "{\"bus\":\"sata1.5\"}", "sata1.5", "{\"unit\":0}"},
      {"fdc", "fdb", {0, 0, 0, 1}, "{\"unit\":1}", "floppy-bus.0", NULL},
      {"fdc", "fda", {0, 0, 0, 0}, "{\"unit\":0}", "fdc0.0", NULL},
      {"scsi", "sda", {0, 0, 0, 3}, "{\"bus\":\"scsi0.0\",\"scsi-id\":3}", "scsi0.0", "{\"scsi-id\":3,\"lun\":0}"},
      {"scsi", "sda", {1, 0, 2, 7}, "{\"bus\":\"ua-x.y.0\",\"channel\":0,\"scsi-id\":2,\"lun\":7}", "ua-x.y.0", NULL},
      {"nvme", "nvme0n3", {0, 0, 0, 2}, "{\"bus\":\"nvme0\",\"nsid\":3}", "nvme0", NULL},
  };
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "ide", "0", NULL)->id = g_strdup("ide");
  controller(&guest, "scsi", "0", "lsilogic");
  controller(&guest, "scsi", "1", "virtio-scsi")->id = g_strdup("ua-x.y");
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    const guint64 *v = rows[i].value;
    BerthDevice *d = at(disk(&guest, rows[i].bus, rows[i].target), BERTH_ADDRESS_DRIVE, v[0], v[1], v[2], v[3]);
    round_trip(&guest, d, rows[i].properties, rows[i].parent, rows[i].answer);
  }
}

static void a_chipsets_sata_bus_is_called_ide(void) {
  static const BerthMachineFamily q35 = {.name = "toy", .implicit_sata = TRUE};
  g_auto(Guest) guest;
  guest_init(&guest);
  guest.inventory->family = &q35;
  controller(&guest, "sata", "0", NULL)->id = g_strdup("ua-mine");
  BerthDevice *d = at(disk(&guest, "sata", "sdc"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 2);
  round_trip(&guest, d, "{\"bus\":\"ide.2\"}", "ide.2", "{\"unit\":0}");
}

static void a_moved_drive_is_seen(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "scsi", "0", "virtio-scsi");
  controller(&guest, "scsi", "1", "virtio-scsi");
  BerthDevice *d = at(disk(&guest, "scsi", "sda"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 0);
  g_autoptr(json_object) values = json_object_new_object();
  berth_json_set_int(values, "scsi-id", 0);
  berth_json_set_int(values, "lun", 1);
  BerthReadBack back = {"scsi1.0", values};
  const BerthFamily *family = berth_families_find(berth_families, BERTH_ADDRESS_DRIVE);
  BerthAddress found, expected = drive_at(1, 0, 0, 1);
  g_assert_true(family->locate(guest.inventory, d, &back, &found));
  g_assert_true(berth_model_address_equal(&found, &expected));
  back.parent_bus = "scsi7.0";
  g_assert_false(family->locate(guest.inventory, d, &back, &found));
  back.parent_bus = NULL;
  g_assert_false(family->locate(guest.inventory, d, &back, &found));
}

static void the_other_families_are_read_back(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  controller(&guest, "virtio-serial", "2", NULL);
  controller(&guest, "usb", "0", "piix3-uhci");
  controller(&guest, "usb", "1", "qemu-xhci");
  controller(&guest, "ccid", "0", NULL);
  round_trip(&guest, at(channel(&guest), BERTH_ADDRESS_VIRTIO_SERIAL, 2, 0, 5, 0), "{\"bus\":\"virtio-serial2.0\",\"nr\":5}",
             "virtio-serial2.0", NULL);
  round_trip(&guest, at(add(&guest, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, 0, port(1, 2, 3, 4), 0, 0),
             "{\"bus\":\"usb.0\",\"port\":\"1.2.3.4\"}", "usb.0", NULL);
  round_trip(&guest, at(add(&guest, BERTH_INPUT, NULL), BERTH_ADDRESS_USB, 1, port(4, 0, 0, 0), 0, 0),
             "{\"bus\":\"usb1.0\",\"port\":\"4\"}", "usb1.0", NULL);
  round_trip(&guest, at(add(&guest, BERTH_SMARTCARD, NULL), BERTH_ADDRESS_CCID, 0, 0, 0, 0), "{\"bus\":\"ccid0.0\"}", "ccid0.0",
             "{\"slot\":0}");
  round_trip(&guest, at(add(&guest, BERTH_MEMORY, NULL), BERTH_ADDRESS_DIMM, 2, 0, 0, 0), "{\"slot\":2}", "",
             "{\"slot\":2,\"addr\":4294967296}");
  round_trip(&guest, at(add(&guest, BERTH_MEMORY, NULL), BERTH_ADDRESS_DIMM, 1, 0x140000000, 0, 0),
             "{\"slot\":1,\"addr\":5368709120}", "", NULL);
  round_trip(&guest, at(add(&guest, BERTH_SERIAL, NULL), BERTH_ADDRESS_ISA, 0x3f8, 4, 0, 0), "{\"iobase\":1016,\"irq\":4}", "isa.0",
             NULL);
  round_trip(&guest, at(add(&guest, BERTH_PANIC, NULL), BERTH_ADDRESS_ISA, 0x505, 0, 0, 0), "{\"ioport\":1285}", "isa.0", NULL);
}

#define TEST(name) g_test_add_func("/families/" #name, name)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  TEST(drives_are_read_back);
  TEST(a_chipsets_sata_bus_is_called_ide);
  TEST(a_moved_drive_is_seen);
  TEST(the_other_families_are_read_back);
  return g_test_run();
}
