/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The families of drives, smart cards and memory slots, and the table of families. Expectations are those of addressing §4, §5 and
 * §11, and of libvirt 12.8 where a comment says so. */
#include "families-toy.h"

#include "families/rows.h"

static void target_names_give_places(void) {
  static const struct {
    const char *bus, *target, *place;
  } rows[] = {
      {"ide", "hda", "drive 0:0:0:0"},      {"ide", "hdd", "drive 0:1:0:1"},      {"sata", "sdf", "drive 0:0:0:5"},
      {"sata", "sdg", "drive 1:0:0:0"},     {"scsi", "sdg", "drive 0:0:0:6"},     {"scsi", "sdh", "drive 1:0:0:0"},
      {"scsi", "sdi", "drive 1:0:0:1"},     {"scsi", "sdaa", "drive 3:0:0:5"},    {"fdc", "fdb", "drive 0:0:0:1"},
      {"sata", "vdc", "drive 0:0:0:2"},     {"nvme", "nvme1n3", "drive 1:0:0:2"}, {"nvme", "vdb", "drive 0:0:0:1"},
      {"sata", "nvme1n3", "drive 0:0:0:2"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest;
    guest_init(&guest);
    BerthDevice *d = disk(&guest, rows[i].bus, rows[i].target);
    must(&guest, BERTH_ADDRESS_DRIVE);
    is_at(d, rows[i].place);
    g_assert_cmpint(d->rule, ==, BERTH_RULE_TARGET);
    must(&guest, BERTH_ADDRESS_DRIVE);
    is_at(d, rows[i].place);
  }
}

/* addressing §11, rows 23 and 24 in one guest; disks on virtio and usb have no drive address. */
static void disks_of_all_buses_live_together(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  BerthDevice *fda = disk(&guest, "fdc", "fda"), *fdb = disk(&guest, "fdc", "fdb"), *hdc = disk(&guest, "ide", "hdc");
  BerthDevice *sdaa = disk(&guest, "scsi", "sdaa"), *sda = disk(&guest, "sata", "sda"), *vda = disk(&guest, "virtio", "vda");
  must(&guest, BERTH_ADDRESS_DRIVE);
  is_at(fda, "drive 0:0:0:0");
  is_at(fdb, "drive 0:0:0:1");
  is_at(hdc, "drive 0:1:0:0");
  is_at(sdaa, "drive 3:0:0:5");
  is_at(sda, "drive 0:0:0:0");
  g_assert_cmpint(vda->address.type, ==, BERTH_ADDRESS_NONE);
}

static void bad_targets_are_refused(void) {
  static const struct {
    const char *bus, *target, *device, *part;
  } rows[] = {
      {"virtio", "vda1", "disk", "partition"},    {"scsi", "sda1", "disk", "partition"},
      {"virtio", "vd", "disk", "no target name"}, {"virtio", "vdA", "disk", "no target name"},
      {"sata", "fda", "disk", "no target name"},  {"fdc", "hda", "floppy", "of a floppy"},
      {"usb", "foo", "disk", "no target name"},   {"sata", NULL, "disk", "no <target"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest;
    guest_init(&guest);
    add(&guest, BERTH_DISK, "target/@bus", rows[i].bus, "@device", rows[i].device, rows[i].target != NULL ? "target/@dev" : NULL,
        rows[i].target, NULL);
    refuse(&guest, BERTH_ADDRESS_DRIVE, BERTH_ERROR_BAD_INPUT, rows[i].part);
  }
}

static void impossible_drive_addresses_are_refused(void) {
  static const struct {
    const char *bus, *target;
    guint64 value[4];
    const char *part; /* NULL: accepted (addressing §4.4, §8.3) */
  } rows[] = {
      {"ide", "hda", {1, 0, 0, 0}, "only controller 0"},
      {"ide", "hda", {0, 0, 1, 0}, "target must be 0"},
      {"fdc", "fda", {1, 0, 0, 0}, "only controller 0"},
      {"fdc", "fda", {0, 1, 0, 0}, "only bus 0"},
      {"fdc", "fda", {0, 0, 1, 0}, "target must be 0"},
      {"sata", "sda", {0, 1, 0, 0}, "only bus 0"},
      {"sata", "sda", {0, 0, 1, 0}, "target must be 0"},
      {"scsi", "sda", {0, 1, 0, 0}, "only bus 0"},
      {"scsi", "sda", {0, 0, 1, 0}, "'lsilogic'"},
      {"ide", "hda", {0, 2, 0, 2}, NULL},
      {"sata", "sda", {0, 0, 0, 6}, NULL},
      {"scsi", "sda", {0, 0, 0, 20}, NULL},
      {"scsi", "sda", {1, 0, 1, 0}, NULL},
      {"nvme", "vda", {0, 1, 1, 0}, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest;
    guest_init(&guest);
    controller(&guest, "scsi", "0", "lsilogic");
    controller(&guest, "scsi", "1", "am53c974");
    const guint64 *v = rows[i].value;
    BerthDevice *d = at(disk(&guest, rows[i].bus, rows[i].target), BERTH_ADDRESS_DRIVE, v[0], v[1], v[2], v[3]);
    if (rows[i].part != NULL) {
      refuse(&guest, BERTH_ADDRESS_DRIVE, BERTH_ERROR_BAD_INPUT, rows[i].part);
      continue;
    }
    must(&guest, BERTH_ADDRESS_DRIVE);
    g_assert_cmpint(d->rule, ==, BERTH_RULE_DOCUMENT);
  }
  g_auto(Guest) guest;
  guest_init(&guest);
  disk(&guest, "ide", "hde");
  refuse(&guest, BERTH_ADDRESS_DRIVE, BERTH_ERROR_BAD_INPUT, "only controller 0");
  g_auto(Guest) other;
  guest_init(&other);
  at(disk(&other, "scsi", "sda"), BERTH_ADDRESS_PCI, 0, 0, 9, 0);
  refuse(&other, BERTH_ADDRESS_DRIVE, BERTH_ERROR_BAD_INPUT, "type 'drive'");
}

static void two_disks_in_one_place_are_named(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  disk(&guest, "sata", "sda");
  at(disk(&guest, "sata", "sdb"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 0);
  refuse(&guest, BERTH_ADDRESS_DRIVE, BERTH_ERROR_BAD_INPUT, "sda");
  g_assert_nonnull(strstr(guest.error->message, "sdb"));
  g_auto(Guest) same;
  guest_init(&same);
  disk(&same, "ide", "vda");
  disk(&same, "ide", "hda");
  refuse(&same, BERTH_ADDRESS_DRIVE, BERTH_ERROR_BAD_INPUT, "vda");
  g_auto(Guest) host;
  guest_init(&host);
  at(add(&host, BERTH_HOSTDEV, "@type", "scsi", NULL), BERTH_ADDRESS_DRIVE, 0, 0, 0, 0);
  disk(&host, "scsi", "sda");
  refuse(&host, BERTH_ADDRESS_DRIVE, BERTH_ERROR_BAD_INPUT, "sda");
}

static void the_later_line_is_blamed(void) {
  static const char text[] = "<domain>\n<disk/>\n<disk/>\n</domain>";
  g_autoptr(GBytes) bytes = g_bytes_new_static(text, sizeof text - 1);
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(bytes, "a.xml", NULL);
  g_auto(Guest) guest;
  guest_init(&guest);
  guest.inventory->document = document;
  BerthDevice *sdb = disk(&guest, "sata", "sdb"), *sda = disk(&guest, "sata", "sda");
  sda->node = berth_xml_node_child(document->root, "disk");
  sdb->node = berth_xml_node_next(sda->node, "disk");
  at(sdb, BERTH_ADDRESS_DRIVE, 0, 0, 0, 0);
  refuse(&guest, BERTH_ADDRESS_DRIVE, BERTH_ERROR_BAD_INPUT,
         "a.xml:3: disk 'sdb': drive 0:0:0:0 is already taken by disk 'sda' (line 2)");
}

/* addressing §4.5; the lsisas1068 has two units as libvirt 12.8 has it. */
static void scsi_hostdevs_take_what_disks_leave(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  BerthDevice *one = add(&guest, BERTH_HOSTDEV, "@type", "scsi", NULL), *two = add(&guest, BERTH_HOSTDEV, "@type", "scsi", NULL);
  BerthDevice *sda = disk(&guest, "scsi", "sda");
  must(&guest, BERTH_ADDRESS_DRIVE);
  is_at(sda, "drive 0:0:0:0");
  is_at(one, "drive 0:0:0:1");
  is_at(two, "drive 0:0:0:2");

  g_auto(Guest) sas;
  guest_init(&sas);
  controller(&sas, "scsi", "0", "lsisas1068")->origin = BERTH_ORIGIN_RECORD; /* one that is implied has no model yet */
  BerthDevice *d[4];
  for (guint i = 0; i < 4; i++)
    d[i] = add(&sas, BERTH_HOSTDEV, "@type", "scsi", NULL);
  must(&sas, BERTH_ADDRESS_DRIVE);
  is_at(d[1], "drive 0:0:0:1");
  is_at(d[2], "drive 1:0:0:0");
  is_at(d[3], "drive 1:0:0:1");
}

static void a_gone_disk_keeps_its_place(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  BerthAddress first = drive_at(0, 0, 0, 0), last = drive_at(0, 0, 0, 5);
  remember(&guest, "disk", "sata", "serial=A", "2026-01-01T00:00:00Z", &first);
  remember(&guest, "disk", "sata", "serial=B", "2026-01-02T00:00:00Z", &last);
  remember(&guest, "disk", "scsi", "serial=C", "2026-01-01T00:00:00Z", &last);
  BerthDevice *sda = disk(&guest, "sata", "sda"), *sdb = disk(&guest, "sata", "sdb"), *sdf = disk(&guest, "sata", "sdf");
  must(&guest, BERTH_ADDRESS_DRIVE);
  is_at(sda, "drive 0:0:0:1");
  g_assert_cmpint(sda->rule, ==, BERTH_RULE_FIRST);
  is_at(sdb, "drive 0:0:0:2");
  is_at(sdf, "drive 0:0:0:3");
}

static void what_is_present_in_the_record_reserves_nothing(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  BerthAddress first = drive_at(0, 0, 0, 0);
  remember(&guest, "disk", "sata", "serial=A", NULL, &first);
  at(disk(&guest, "sata", "sdc"), BERTH_ADDRESS_DRIVE, 0, 0, 0, 3); /* the same disk, moved by the document */
  BerthDevice *sda = disk(&guest, "sata", "sda");
  must(&guest, BERTH_ADDRESS_DRIVE);
  is_at(sda, "drive 0:0:0:0");
}

static void scsi_grows_a_controller_before_a_reservation_goes(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  for (guint i = 0; i < 7; i++) {
    g_autofree char *key = g_strdup_printf("serial=%u", i);
    BerthAddress place = drive_at(0, 0, 0, i);
    remember(&guest, "disk", "scsi", key, "2026-01-01T00:00:00Z", &place);
  }
  BerthDevice *sda = disk(&guest, "scsi", "sda");
  must(&guest, BERTH_ADDRESS_DRIVE);
  is_at(sda, "drive 1:0:0:0");
}

static void ide_gives_the_oldest_reservation_away(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  BerthAddress places[] = {drive_at(0, 0, 0, 1), drive_at(0, 0, 0, 0), drive_at(0, 1, 0, 1)};
  for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
    g_autofree char *key = g_strdup_printf("serial=%u", i);
    remember(&guest, "disk", "ide", key, "2026-01-01T00:00:00Z", &places[i]);
  }
  BerthDevice *hdc = at(disk(&guest, "ide", "hdc"), BERTH_ADDRESS_DRIVE, 0, 1, 0, 0);
  BerthDevice *hda = disk(&guest, "ide", "hda"), *hdb = disk(&guest, "ide", "hdb"), *hdd = disk(&guest, "ide", "hdd");
  must(&guest, BERTH_ADDRESS_DRIVE);
  is_at(hdc, "drive 0:1:0:0");
  is_at(hda, "drive 0:0:0:1");
  is_at(hdb, "drive 0:0:0:0");
  is_at(hdd, "drive 0:1:0:1");
}

static void drive_fits_by_the_bus(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  BerthDevice *ide = disk(&guest, "ide", "hda"), *sata = disk(&guest, "sata", "sda");
  const BerthFamily *family = berth_families_find(berth_families, BERTH_ADDRESS_DRIVE);
  BerthAddress second = drive_at(0, 1, 0, 1), sixth = drive_at(2, 0, 0, 5);
  g_assert_true(family->fits(guest.inventory, ide, &second));
  g_assert_false(family->fits(guest.inventory, ide, &sixth));
  g_assert_false(family->fits(guest.inventory, sata, &second));
  g_assert_true(family->fits(guest.inventory, sata, &sixth));
  /* QEMU's "bad scsi device lun" */
  static const struct {
    const char *model;
    guint64 last;
  } models[] = {{"virtio-scsi", 6}, {"lsilogic", 6}, {"lsisas1068", 1}, {"vmpvscsi", 0}};
  for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
    g_autofree char *index = g_strdup_printf("%u", i);
    controller(&guest, "scsi", index, models[i].model);
    for (guint64 unit = 0; unit < 8; unit++) {
      BerthAddress place = drive_at(i, 0, 0, unit);
      g_assert_cmpint(family->fits(guest.inventory, disk(&guest, "scsi", "sda"), &place), ==, unit <= models[i].last);
    }
  }
}

static void one_smart_card_and_no_more(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  BerthAddress place = {.type = BERTH_ADDRESS_CCID, .given = 3};
  remember(&guest, "smartcard", "host", "kind=x#0", "2026-01-01T00:00:00Z", &place);
  BerthDevice *card = add(&guest, BERTH_SMARTCARD, NULL);
  must(&guest, BERTH_ADDRESS_CCID);
  is_at(card, "ccid 0:0");
  must(&guest, BERTH_ADDRESS_CCID);
  add(&guest, BERTH_SMARTCARD, NULL);
  refuse(&guest, BERTH_ADDRESS_CCID, BERTH_ERROR_BAD_INPUT, "one smart card");
  g_auto(Guest) third;
  guest_init(&third);
  at(add(&third, BERTH_SMARTCARD, NULL), BERTH_ADDRESS_CCID, 0, 3, 0, 0);
  refuse(&third, BERTH_ADDRESS_CCID, BERTH_ERROR_BAD_INPUT, "slot 0");
}

/* addressing §5.8 */
static void dimms_take_free_slots(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  BerthDevice *a = add(&guest, BERTH_MEMORY, NULL), *b = at(add(&guest, BERTH_MEMORY, NULL), BERTH_ADDRESS_DIMM, 0, 0, 0, 0);
  BerthDevice *c = add(&guest, BERTH_MEMORY, NULL);
  must(&guest, BERTH_ADDRESS_DIMM);
  g_assert_cmpint(a->address.type, ==, BERTH_ADDRESS_NONE); /* no maxMemory: left alone */
  berth_model_device_set(guest.inventory->domain, "maxMemory/@slots", "3");
  must(&guest, BERTH_ADDRESS_DIMM);
  g_assert_cmpuint(a->address.value[BERTH_DIMM_SLOT], ==, 1);
  g_assert_cmpuint(b->address.value[BERTH_DIMM_SLOT], ==, 0);
  g_assert_cmpuint(c->address.value[BERTH_DIMM_SLOT], ==, 2);
  add(&guest, BERTH_MEMORY, NULL);
  refuse(&guest, BERTH_ADDRESS_DIMM, BERTH_ERROR_NO_ROOM, "all 3 memory slots");
}

static void bad_dimm_slots_are_refused(void) {
  static const struct {
    guint64 slot[2], base[2];
    const char *part;
  } rows[] = {{{0, 2}, {0, 0}, "no slot 2"}, {{1, 1}, {0, 0}, "already taken"}, {{0, 1}, {4096, 4096}, "base 0x1000"}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_auto(Guest) guest;
    guest_init(&guest);
    berth_model_device_set(guest.inventory->domain, "maxMemory/@slots", "2");
    for (guint k = 0; k < 2; k++)
      at(add(&guest, BERTH_MEMORY, NULL), BERTH_ADDRESS_DIMM, rows[i].slot[k], rows[i].base[k], 0, 0);
    refuse(&guest, BERTH_ADDRESS_DIMM, BERTH_ERROR_BAD_INPUT, rows[i].part);
  }
}

static void gone_dimms_keep_their_slots_to_the_last(void) {
  g_auto(Guest) guest;
  guest_init(&guest);
  berth_model_device_set(guest.inventory->domain, "maxMemory/@slots", "3");
  for (guint i = 0; i < 2; i++) {
    BerthAddress place = {.type = BERTH_ADDRESS_DIMM, .given = 1, .value = {1 - i}};
    remember(&guest, "memory", "dimm", "content=x", "2026-01-01T00:00:00Z", &place);
  }
  static const guint64 slots[] = {2, 1, 0};
  for (guint i = 0; i < 3; i++) {
    BerthDevice *d = add(&guest, BERTH_MEMORY, NULL);
    must(&guest, BERTH_ADDRESS_DIMM);
    g_assert_cmpuint(d->address.value[BERTH_DIMM_SLOT], ==, slots[i]);
  }
}

static void the_table_is_in_the_order_of_assignment(void) {
  static const BerthAddressType order[] = {BERTH_ADDRESS_DRIVE,      BERTH_ADDRESS_CCID,        BERTH_ADDRESS_VIRTIO_SERIAL,
                                           BERTH_ADDRESS_SPAPR_VIO,  BERTH_ADDRESS_VIRTIO_MMIO, BERTH_ADDRESS_USB,
                                           BERTH_ADDRESS_PCI,        BERTH_ADDRESS_DIMM,        BERTH_ADDRESS_ISA,
                                           BERTH_ADDRESS_UNASSIGNED, BERTH_ADDRESS_NONE};
  for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
    g_assert_cmpint(berth_families[i].type, ==, order[i]);
    g_assert_true(berth_families_find(berth_families, order[i]) == (order[i] == BERTH_ADDRESS_NONE ? NULL : &berth_families[i]));
  }
  g_assert_null(berth_families_find(berth_families, BERTH_ADDRESS_CCW));
}

#define TEST(name) g_test_add_func("/families/" #name, name)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  TEST(target_names_give_places);
  TEST(disks_of_all_buses_live_together);
  TEST(bad_targets_are_refused);
  TEST(impossible_drive_addresses_are_refused);
  TEST(two_disks_in_one_place_are_named);
  TEST(the_later_line_is_blamed);
  TEST(scsi_hostdevs_take_what_disks_leave);
  TEST(a_gone_disk_keeps_its_place);
  TEST(what_is_present_in_the_record_reserves_nothing);
  TEST(scsi_grows_a_controller_before_a_reservation_goes);
  TEST(ide_gives_the_oldest_reservation_away);
  TEST(drive_fits_by_the_bus);
  TEST(one_smart_card_and_no_more);
  TEST(dimms_take_free_slots);
  TEST(bad_dimm_slots_are_refused);
  TEST(gone_dimms_keep_their_slots_to_the_last);
  TEST(the_table_is_in_the_order_of_assignment);
  return g_test_run();
}
