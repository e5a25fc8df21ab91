/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The PCI family on toy guests, without a record. */
#include "pci-toys.h"

/* @count devices called @name, then what they got as the last one's address. */
static void check_last(const char *machine, const char *devices, const char *name, const char *expected) {
  g_autoptr(Guest) guest = guest_new(machine, devices);
  g_autoptr(GError) error = NULL;
  guest_assign(guest, &error);
  g_assert_no_error(error);
  g_autofree char *line = guest_line(guest);
  g_auto(GStrv) words = g_strsplit(line, " ", -1);
  g_autofree char *prefix = g_strconcat(name, "@", NULL);
  const char *last = NULL;
  for (guint i = 0; words[i] != NULL; i++)
    if (g_str_has_prefix(words[i], prefix))
      last = words[i];
  g_assert_cmpstr(last, ==, expected);
}

static void check_grown(const char *machine, const char *devices, const char *model, guint expected) {
  g_autoptr(Guest) guest = guest_new(machine, devices);
  g_autoptr(GError) error = NULL;
  guest_assign(guest, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(count_grown(guest, model), ==, expected);
}

static void check_error(const char *machine, const char *devices, int code, const char *pattern) {
  g_autoptr(Guest) guest = guest_new(machine, devices);
  g_autoptr(GError) error = NULL;
  g_assert_false(guest_assign(guest, &error));
  g_assert_error(error, BERTH_ERROR, code);
  if (!g_pattern_match_simple(pattern, error->message))
    g_error("%s is not like %s", error->message, pattern);
}

static void test_pc_basics(void) {
  check("pc", "piix3 balloon", "piix3@00:01.2 balloon@00:02.0");
  check("pc", "qxl piix3 balloon", "qxl@00:02.0 piix3@00:01.2 balloon@00:03.0");
  check("pc", "piix4", "piix4@00:02.0");
  check("pc", "piix3#1 ide", "piix3#1@00:02.0 ide@00:01.1");
  check("pc", "vnet@00:02.0 qxl", "vnet@00:02.0 qxl@00:03.0");
  check("pc", "vnet@00:01.4", "vnet@00:01.4");
  check("pc", "vnet@00:00.1", "vnet@00:02.0");
  check("pc", "ramfb vnet qxl", "ramfb vnet@00:02.0 qxl@00:03.0");
  check("pc", "pb#3 vnet", "pb#3@00:04.0 vnet@00:05.0 pb#1@00:02.0 pb#2@00:03.0");
  check("pc", "vnet@02:05.0 balloon", "vnet@02:05.0 balloon@00:04.0 pb#1@00:02.0 pb#2@00:03.0");
  check("pc", "pb#1 pb#2@01:01.0 piix3 balloon", "pb#1@00:02.0 pb#2@01:01.0 piix3@00:01.2 balloon@00:03.0");
  check("pc", "ehci1 uhci1 uhci2 uhci3", "ehci1@00:02.7 uhci1@00:02.0+ uhci2@00:02.1 uhci3@00:02.2");
  check("pc", "ehci1@00:10.7 uhci2", "ehci1@00:10.7 uhci2@00:10.1");
  check("pc", "ehci1", "ehci1@00:02.7");
  check("pc", "vnet@00:03.1 vnet@00:03.0 vnet@00:04.2 vnet@00:05.0- vnet@00:05.3",
        "vnet@00:03.1 vnet@00:03.0+ vnet@00:04.2 vnet@00:05.0- vnet@00:05.3");
}

static void test_pc_order(void) {
  check("pc",
        "vd vnet e1000 ich9snd ac97 hostdev qxl qxl lsi#1 vscsi#2 piix3 lsi vserial ide pciserial tablet fs i6300esb balloon rng "
        "shmem vsock",
        "vd@00:0c.0 vnet@00:04.0 e1000@00:05.0 ich9snd@00:06.0 ac97@00:07.0 hostdev@00:0d.0 qxl@00:02.0 qxl@00:11.0 "
        "lsi#1@00:08.0 vscsi#2@00:09.0 piix3@00:01.2 lsi@00:0a.0 vserial@00:0b.0 ide@00:01.1 pciserial@00:14.0 tablet@00:13.0 "
        "fs@00:03.0 i6300esb@00:10.0 balloon@00:0e.0 rng@00:0f.0 shmem@00:12.0 vsock@00:15.0");
  check("pc", "hostdev hostnet hostdev vd", "hostdev@00:04.0 hostnet@00:03.0 hostdev@00:05.0 vd@00:02.0");
}

static void test_pc_growth(void) {
  check_grown("pc", "28*vnet piix3 balloon", "pci-bridge", 0);
  check_last("pc", "28*vnet piix3 balloon", "balloon", "balloon@00:1e.0");
  check_grown("pc", "29*vnet piix3 balloon", "pci-bridge", 1);
  check_last("pc", "29*vnet piix3 balloon", "vnet", "vnet@00:1f.0");
  check_last("pc", "29*vnet piix3 balloon", "balloon", "balloon@01:01.0");
  check_last("pc", "58*vnet piix3 balloon", "balloon", "balloon@01:1e.0");
  /* Here libvirt finds no place for the bridge. */
  check_grown("pc", "59*vnet piix3 balloon", "pci-bridge", 1);
  check_last("pc", "59*vnet piix3 balloon", "balloon", "balloon@01:1f.0");
  check_grown("pc", "60*vnet piix3 balloon", "pci-bridge", 2);
  check_last("pc", "60*vnet piix3 balloon", "balloon", "balloon@02:02.0");
  check_last("pc", "pxb#1 32*vnet piix3 balloon", "balloon", "balloon@01:03.0");
  check_last("pc", "pxb#1 32*vnet piix3 balloon", "vnet", "vnet@01:02.0");
  check_grown("pc", "ehci1 uhci1 uhci2 uhci3 24*vnet balloon", "pci-bridge", 0);
  check_grown("pc", "ehci1 uhci1 uhci2 uhci3 25*vnet balloon", "pci-bridge", 1);
}

static void test_q35_basics(void) {
  check("q35", "xhci sata balloon", "xhci@01:00.0 sata@00:1f.2 balloon@02:00.0 rp#1@00:01.0+ rp#2@00:01.1 rp#3@00:01.2");
  check("q35", "sata", "sata@00:1f.2");
  check("q35", "sata vd", "sata@00:1f.2 vd@01:00.0 rp#1@00:01.0+ rp#2@00:01.1");
  check("q35", "sata qxl vd", "sata@00:1f.2 qxl@00:01.0 vd@01:00.0 rp#1@00:02.0+ rp#2@00:02.1");
  check(
      "q35", "vnet@00:01.0 vvideo xhci balloon",
      "vnet@00:01.0 vvideo@01:00.0 xhci@02:00.0 balloon@03:00.0 rp#1@00:02.0+ rp#2@00:02.1 rp#3@00:02.2 rp#4@00:02.3 rp#5@00:02.4");
  check(
      "q35", "e1000 xhci sata balloon",
      "e1000@02:01.0 xhci@03:00.0 sata@00:1f.2 balloon@04:00.0 rp#1@00:01.0+ ppb#2@01:00.0 rp#3@00:01.1 rp#4@00:01.2 rp#5@00:01.3");
  check("q35", "tnet vnet xhci balloon",
        "tnet@02:01.0 vnet@03:00.0 xhci@04:00.0 balloon@05:00.0 rp#1@00:01.0+ ppb#2@01:00.0 rp#3@00:01.1 rp#4@00:01.2 rp#5@00:01.3 "
        "rp#6@00:01.4");
  check("q35", "xhci tballoon", "xhci@02:00.0 tballoon@03:01.0 rp#1@00:01.0+ rp#2@00:01.1 ppb#3@01:00.0 rp#4@00:01.2");
  check("q35", "xhci sata sata#1 balloon",
        "xhci@02:00.0 sata@00:1f.2 sata#1@03:01.0 balloon@04:00.0 rp#1@00:01.0+ rp#2@00:01.1 ppb#3@01:00.0 rp#4@00:01.2 "
        "rp#5@00:01.3");
  check("q35", "rp#1 xhci balloon", "rp#1@00:01.0+ xhci@01:00.0 balloon@02:00.0 rp#2@00:01.1");
  check("q35", "rp#5 vnet xhci balloon",
        "rp#5@00:01.4 vnet@01:00.0 xhci@02:00.0 balloon@03:00.0 rp#1@00:01.0+ rp#2@00:01.1 rp#3@00:01.2 rp#4@00:01.3");
  check("q35", "dmi#1 e1000", "dmi#1@00:1e.0 e1000@02:01.0 pb#2@01:00.0");
  check("q35", "pxbe#1 rp#2@01:00.0 vnet xhci balloon",
        "pxbe#1@00:01.0 rp#2@01:00.0 vnet@02:00.0 xhci@03:00.0 balloon@04:00.0 rp#3@00:02.0+ rp#4@00:02.1");
  check("q35", "rp#1 up#2 dn#3 dn#4 vnet vnet xhci balloon",
        "rp#1@00:01.0+ up#2@01:00.0 dn#3@02:00.0 dn#4@02:01.0 vnet@03:00.0 vnet@04:00.0 xhci@05:00.0 balloon@06:00.0 rp#5@00:01.1 "
        "rp#6@00:01.2");
  check("q35", "vnet@00:03.0 sata", "vnet@00:03.0 sata@00:1f.2");
  check("q35", "vnet@00:01.1 vd", "vnet@00:01.1 vd@01:00.0 rp#1@00:02.0+ rp#2@00:02.1");
  check("q35", "strange", "strange@01:00.0 rp#1@00:01.0+ rp#2@00:01.1");
  check("q35", "ppb#1 xhci", "ppb#1@02:00.0 xhci@03:00.0 rp#2@00:01.0+ rp#3@00:01.1");
  check("q35", "viommu xhci", "viommu@00:02.0 xhci@01:00.0 rp#1@00:01.0+ rp#2@00:01.1");
}

static void test_q35_chipset(void) {
  check("q35", "ich9snd ich9snd", "ich9snd@00:1b.0 ich9snd@02:01.0 rp#1@00:01.0+ ppb#2@01:00.0 rp#3@00:01.1");
  check(
      "q35", "ehci1 uhci1 uhci2 uhci3 ehci1#1 uhci1#1 uhci2#1 uhci3#1",
      "ehci1@00:1d.7 uhci1@00:1d.0+ uhci2@00:1d.1 uhci3@00:1d.2 ehci1#1@00:1a.7 uhci1#1@00:1a.0+ uhci2#1@00:1a.1 uhci3#1@00:1a.2");
  check("q35", "ehci1@00:10.7 uhci1", "ehci1@00:10.7 uhci1@00:1d.0+");
  check("q35", "ehci1", "ehci1@02:01.7 rp#1@00:01.0+ ppb#2@01:00.0 rp#3@00:01.1");
}

static void test_q35_user_buses(void) {
  check("q35", "e1000@01:01.0 xhci balloon",
        "e1000@02:01.0 xhci@03:00.0 balloon@04:00.0 rp#1@00:01.0+ ppb#2@01:00.0 rp#3@00:01.1 rp#4@00:01.2 rp#5@00:01.3");
  check("q35", "e1000@02:01.0", "e1000@02:01.0 rp#1@00:01.0+ ppb#2@01:00.0 rp#3@00:01.1");
  check("q35", "e1000@03:01.0 xhci balloon",
        "e1000@03:01.0 xhci@04:00.0 balloon@05:00.0 rp#1@00:01.0+ ppb#2@01:00.0 pb#3@02:01.0 rp#4@00:01.1 rp#5@00:01.2 "
        "rp#6@00:01.3");
  check_error("q35", "e1000@01:00.0", BERTH_ERROR_BAD_INPUT, "toy.xml:1: interface 0*slots 1 to 31*");
  check("q35", "e1000@00:04.0", "e1000@00:04.0");
  check("q35", "vnet@03:00.0 xhci balloon",
        "vnet@03:00.0 xhci@01:00.0 balloon@02:00.0 rp#1@00:01.0+ rp#2@00:01.1 rp#3@00:01.2 rp#4@00:01.3");
  check_error("q35", "vnet@01:01.0", BERTH_ERROR_BAD_INPUT, "toy.xml:1: *pcie-root-port*slots 0 to 0*");
  check_grown("q35", "33*e1000", "pci-bridge", 1);
  check_grown("q35", "33*e1000", "pcie-to-pci-bridge", 1);
}

static void test_q35_many_ports(void) {
  check_last("q35", "qxl 10*vnet xhci balloon", "balloon", "balloon@0c:00.0");
  check_grown("q35", "10*vnet xhci balloon", "pcie-root-port", 13);
  check("q35", "qxl 8*rng",
        "qxl@00:01.0 rng@01:00.0 rng@02:00.0 rng@03:00.0 rng@04:00.0 rng@05:00.0 rng@06:00.0 rng@07:00.0 rng@08:00.0 "
        "rp#1@00:02.0+ rp#2@00:02.1 rp#3@00:02.2 rp#4@00:02.3 rp#5@00:02.4 rp#6@00:02.5 rp#7@00:02.6 rp#8@00:02.7 rp#9@00:03.0");
  check_grown("q35", "239*vnet", "pcie-root-port", 240);
  /* Here libvirt finds no place for the last port. */
  check_grown("q35", "240*vnet", "pcie-root-port", 240);
}

static void test_kitchen_sink(void) {
  check("q35",
        "qxl qxl ich9snd ac97 fs e1000 vnet vnet lsi vserial vd hostdev balloon rng i6300esb shmem tablet pciserial vsock xhci",
        "qxl@00:01.0 qxl@03:05.0 ich9snd@00:1b.0 ac97@03:02.0 fs@02:00.0 e1000@03:01.0 vnet@04:00.0 vnet@05:00.0 lsi@03:03.0 "
        "vserial@06:00.0 vd@08:00.0 hostdev@09:00.0 balloon@0a:00.0 rng@0b:00.0 i6300esb@03:04.0 shmem@03:06.0 tablet@0c:00.0 "
        "pciserial@03:07.0 vsock@0d:00.0 xhci@07:00.0 rp#1@00:02.0+ rp#2@00:02.1 ppb#3@01:00.0 rp#4@00:02.2 rp#5@00:02.3 "
        "rp#6@00:02.4 rp#7@00:02.5 rp#8@00:02.6 rp#9@00:02.7 rp#10@00:03.0+ rp#11@00:03.1 rp#12@00:03.2 rp#13@00:03.3 "
        "rp#14@00:03.4");
}

static void test_without_pcie_pci_bridge(void) {
  g_autoptr(Guest) guest = guest_new("q35", "e1000");
  g_autoptr(GError) error = NULL;
  guest->facts = berth_facts_new();
  g_assert_true(guest_assign(guest, &error));
  g_autofree char *line = guest_line(guest);
  g_assert_cmpstr(line, ==, "e1000@02:01.0 dmi#1@00:1e.0 pb#2@01:00.0 rp#3@00:01.0");
  const BerthDevice *port = berth_model_inventory_controller(guest->inventory, "pci", 3);
  g_assert_cmpstr(berth_model_device_get(port, "model/@name"), ==, "ioh3420");
  berth_facts_free(guest->facts);
}

static void check_option(const Guest *guest, gint64 index, const char *path, const char *expected) {
  const BerthDevice *controller = berth_model_inventory_controller(guest->inventory, "pci", index);
  g_assert_nonnull(controller);
  g_assert_cmpstr(berth_model_device_get(controller, path), ==, expected);
}

static void test_options(void) {
  g_autoptr(Guest) guest = guest_new("q35", "rp#1 up#2 dn#3 dn#4 pxbe#5 pxbe#6 e1000");
  g_autoptr(GError) error = NULL;
  berth_model_device_set(guest->inventory->devices->pdata[1], "target/@chassis", "7");
  berth_model_device_set(guest->inventory->devices->pdata[5], "target/@busNr", "200");
  g_assert_true(guest_assign(guest, &error));
  check_option(guest, 0, "model/@name", NULL);
  check_option(guest, 1, "model/@name", "pcie-root-port");
  check_option(guest, 1, "target/@chassis", "7");
  check_option(guest, 1, "target/@port", "0x8");
  check_option(guest, 2, "model/@name", "x3130-upstream");
  check_option(guest, 4, "model/@name", "xio3130-downstream");
  check_option(guest, 4, "target/@port", "0x1");
  check_option(guest, 4, "target/@chassis", "4");
  check_option(guest, 5, "target/@busNr", "200");
  check_option(guest, 6, "target/@busNr", "198");
  check_option(guest, 6, "model/@name", "pxb-pcie");
  check_option(guest, 8, "model/@name", "pcie-pci-bridge");
  check_option(guest, 8, "@index", "8");

  g_autoptr(Guest) pc = guest_new("pc", "pb#1 pxb#2");
  g_assert_true(guest_assign(pc, &error));
  check_option(pc, 1, "target/@chassisNr", "1");
  check_option(pc, 2, "target/@busNr", "254");
  check_option(pc, 2, "model/@name", "pxb");

  g_autoptr(Guest) crowded = guest_new("pc", "pxb#1 pxb#2");
  berth_model_device_set(crowded->inventory->devices->pdata[1], "target/@busNr", "2");
  g_assert_false(guest_assign(crowded, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NO_ROOM);
}

static void test_errors(void) {
  check_error("pc", "vnet@00:03.0 vd@00:03.0", BERTH_ERROR_BAD_INPUT, "toy.xml:1: interface 0 *disk 0 (line 2)*");
  check_error("pc", "vnet@00:01.0", BERTH_ERROR_BAD_INPUT, "toy.xml:1: interface 0 *machine itself*");
  check_error("q35", "vnet@00:1f.3", BERTH_ERROR_BAD_INPUT, "toy.xml:1: interface 0 *machine itself*");
  check_error("q35", "vnet@00:1f.2 sata", BERTH_ERROR_BAD_INPUT, "*0000:00:1f.2*");
  check_error("pc", "ide@00:05.0", BERTH_ERROR_BAD_INPUT, "toy.xml:1: controller ide 0 *00:01.1*");
  check_error("pc", "piix3@00:05.0", BERTH_ERROR_BAD_INPUT, "toy.xml:1: controller usb 0 *00:01.2*");
  check_error("q35", "sata@00:1e.0", BERTH_ERROR_BAD_INPUT, "toy.xml:1: controller sata 0 *00:1f.2*");
  check_error("q35", "piix3@00:01.2", BERTH_ERROR_BAD_INPUT, "toy.xml:1: *machine pc*");
  check_error("isapc", "vnet", BERTH_ERROR_BAD_INPUT, "toy.xml:0: interface 0 *no PCI bus*");
  check_error("isapc", "vnet@00:03.0", BERTH_ERROR_BAD_INPUT, "toy.xml:0: interface 0 *no PCI bus*");
  check_error("pc", "rp#1", BERTH_ERROR_NO_ROOM, "toy.xml:1: controller pci 1 *root ports*");
  check_error("q35", "dn#1", BERTH_ERROR_NO_ROOM, "*downstream*");
  check_error("pc", "nothing", BERTH_ERROR_NO_ROOM, "*not a PCI device*");
  check_error("pc", "vnet@00:00.0 pb#0", BERTH_ERROR_BAD_INPUT, "*index 0*");
  check_error("q35", "pb#1", BERTH_ERROR_BAD_INPUT, "*index must be greater*");
  check_error("pc", "pb#1 pb#1", BERTH_ERROR_BAD_INPUT, "toy.xml:2: *another PCI controller*");
  check_error("q35", "viommu@01:00.0 rp#1", BERTH_ERROR_BAD_INPUT, "*bus 1*");
  check("isapc", "sd", "sd");
  g_autoptr(Guest) domain = guest_new("pc", "vnet@00:03.0");
  g_autoptr(GError) error = NULL;
  BerthDevice *device = domain->inventory->devices->pdata[1];
  device->address.value[BERTH_PCI_DOMAIN] = 1;
  g_assert_false(guest_assign(domain, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
}

static void test_not_pci_with_pci_address(void) {
  check("q35", "sd@00:05.0", "sd@00:05.0");
  check_error("pc", "sd@00:05.0 vnet@00:05.0", BERTH_ERROR_BAD_INPUT, "toy.xml:2: *line 1*");
}

static void test_rules(void) {
  g_autoptr(Guest) guest = guest_new("pc", "piix3 qxl vnet vnet@00:09.0");
  g_assert_true(guest_assign(guest, NULL));
  const BerthRule expected[] = {BERTH_RULE_NONE, BERTH_RULE_FIXED, BERTH_RULE_FIXED, BERTH_RULE_FIRST, BERTH_RULE_DOCUMENT};
  for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
    g_assert_cmpint(((BerthDevice *)guest->inventory->devices->pdata[i])->rule, ==, expected[i]);
}

static void test_second_run_changes_nothing(void) {
  static const char *const lines[] = {"qxl 33*e1000 5*vnet xhci balloon", "pb#3 40*vnet", "pxb#1 32*vnet"};
  for (guint i = 0; i < G_N_ELEMENTS(lines); i++) {
    const char *machine = i == 0 ? "q35" : "pc";
    g_autoptr(Guest) first = guest_new(machine, lines[i]);
    g_assert_true(guest_assign(first, NULL));
    g_autofree char *line = guest_line(first);
    check(machine, line, line);
  }
}

/* @expected: "guest bus path" of every device that is not a bridge, "?" for what the guest does not see. */
static void check_numbers(const char *machine, const char *devices, const char *expected) {
  g_autoptr(Guest) guest = guest_new(machine, devices);
  for (guint i = 0; i < guest->inventory->devices->len; i++) {
    BerthDevice *device = guest->inventory->devices->pdata[i];
    /* the line's index of an expander doubles as its number */
    if (berth_model_device_is(device, "@model", "pci-expander-bus") ||
        berth_model_device_is(device, "@model", "pcie-expander-bus")) {
      g_autofree char *number = g_strdup_printf("%d", (int)device->index);
      berth_model_device_set(device, "target/@busNr", number);
    }
  }
  berth_families_pci_number(guest->inventory);
  g_autoptr(GString) line = g_string_new(NULL);
  for (guint i = 0; i < guest->inventory->devices->len; i++) {
    const BerthDevice *device = guest->inventory->devices->pdata[i];
    if (device->address.type != BERTH_ADDRESS_PCI || g_strcmp0(toy_of(device)->type, "pci") == 0)
      continue;
    g_string_append_printf(line, "%s%d %s", line->len > 0 ? ", " : "", device->guest_bus, device->path);
  }
  g_assert_cmpstr(line->str, ==, expected);
}

static void test_guest_numbers(void) {
  /* the worked examples of the rule book, in its order */
  check_numbers("q35", "rp#1@00:01.0 rp#2@00:01.1 rp#3@00:01.2 rp#4@00:02.0 rp#5@00:03.0 vnet@02:00.0 vnet@05:00.0",
                "2 01.1/00.0, 5 03.0/00.0");
  check_numbers(
      "q35", "rp#1@00:02.0 up#2@01:00.0 dn#3@02:00.0 dn#4@02:01.0 dn#5@02:02.0 rp#6@00:03.0 vnet@03:00.0 vnet@04:00.0 vnet@06:00.0",
      "3 02.0/00.0/00.0/00.0, 4 02.0/00.0/01.0/00.0, 6 03.0/00.0");
  check_numbers("q35",
                "rp#9@00:01.0 rp#1@00:02.0 up#2@01:00.0 dn#3@02:05.0 dn#4@02:03.0 dn#5@02:03.1 vnet@09:00.0 rng@03:00.0 "
                "rng@04:00.0 rng@05:00.0",
                "1 01.0/00.0, 6 02.0/00.0/05.0/00.0, 4 02.0/00.0/03.0/00.0, 5 02.0/00.0/03.1/00.0");
  check_numbers("q35",
                "rp#1@00:01.0 ppb#2@01:00.0 rp#3@00:02.0 ppb#4@03:00.0 rp#5@00:03.0 vnet@02:01.0 vnet@02:02.0 vnet@04:01.0 "
                "vnet@04:03.0 vnet@05:00.0",
                "2 01.0/00.0/01.0, 2 01.0/00.0/02.0, 4 02.0/00.0/01.0, 4 02.0/00.0/03.0, 5 03.0/00.0");
  check_numbers("q35", "rp#1@00:02.0 rp#2@00:1d.0 dmi#3@00:1e.0 pb#4@03:01.0 vnet@01:00.0 vnet@04:02.0 vnet@03:03.0",
                "1 02.0/00.0, 4 1e.0/01.0/02.0, 3 1e.0/03.0");
  check_numbers("q35",
                "rp#1@00:02.0 pxbe#128@00:04.0 pxbe#64@00:05.0 rp#2@80:00.0 up#3@02:00.0 dn#4@03:00.0 rp#5@40:00.0 rp#6@40:01.0 "
                "ppb#7@06:00.0 vnet@01:00.0 vnet@04:00.0 vnet@05:00.0 vnet@07:01.0",
                "1 02.0/00.0, 131 04.0/00.0/00.0/00.0/00.0, 65 05.0/00.0/00.0, 67 05.0/01.0/00.0/01.0");
  check_numbers("pc", "pb#1@00:08.0 pb#2@01:05.0 pb#3@01:02.0 pb#4@00:03.0 vnet@02:01.0 vnet@03:01.0 vnet@04:01.0 vnet@00:04.0",
                "4 08.0/05.0/01.0, 3 08.0/02.0/01.0, 1 03.0/01.0, 0 04.0");
  check_numbers("pc", "pb#1@00:04.0 pb#2@00:05.0 pb#3@00:05.1 pb#4@00:05.3 vnet@02:01.0 vnet@03:01.0 vnet@04:01.0",
                "2 05.0/01.0, 3 05.1/01.0, 4 05.3/01.0");
  check_numbers("pc", "pb#1@00:09.0 pxb#16@00:0a.0 pxb#64@00:0b.0 pb#2@40:02.0 vnet@01:01.0 vnet@10:01.0 vnet@02:01.0 vnet@40:03.0",
                "1 09.0/01.0, 17 0a.0/01.0, 66 0b.0/02.0/01.0, 65 0b.0/03.0");
  check_numbers("q35", "rp#1@00:04.0 rp#2@00:02.0 rp#3@00:09.5 rp#4@00:0a.0 vnet@01:00.0 vnet@02:00.0 vnet@03:00.0 vnet@04:00.0",
                "2 04.0/00.0, 1 02.0/00.0, -1 09.5/00.0, 3 0a.0/00.0");
  /* functions of the machine's own slots exist; an expander without room does not; a circle is no path */
  check_numbers("pc", "vnet@00:01.4 vnet@00:05.1", "0 01.4, -1 05.1");
  check_numbers("q35", "rp#1@00:02.0 rp#2@00:02.1 pxbe#2@00:04.0 vnet@00:05.0 vnet@01:00.0", "0 05.0, 1 02.0/00.0");
  check_numbers("pc", "pb#1@02:01.0 pb#2@01:01.0 vnet@01:02.0", "-1 (null)");
}

static void check_properties(const Guest *guest, guint n, const char *expected) {
  const BerthDevice *device = guest->inventory->devices->pdata[n];
  g_autoptr(json_object) props = json_object_new_object();
  berth_families_pci_properties(guest->inventory, device, props);
  g_assert_cmpstr(berth_json_line(props), ==, expected);
}

static void test_properties(void) {
  g_autoptr(Guest) q35 = guest_new("q35", "vnet@00:02.0 rp#1@00:03.1 rp#2@00:03.0+ vnet@01:00.0- vnet@02:00.0");
  ((BerthDevice *)q35->inventory->devices->pdata[3])->id = g_strdup("ua-port");
  check_properties(q35, 1, "{\"bus\":\"pcie.0\",\"addr\":\"0x2\"}");
  check_properties(q35, 2, "{\"bus\":\"pcie.0\",\"addr\":\"0x3.0x1\"}");
  check_properties(q35, 3, "{\"bus\":\"pcie.0\",\"addr\":\"0x3\",\"multifunction\":true}");
  check_properties(q35, 4, "{\"bus\":\"pci.1\",\"addr\":\"0x0\",\"multifunction\":false}");
  check_properties(q35, 5, "{\"bus\":\"ua-port\",\"addr\":\"0x0\"}");
  g_autoptr(Guest) pc = guest_new("pc", "vnet@00:1f.7");
  check_properties(pc, 1, "{\"bus\":\"pci.0\",\"addr\":\"0x1f.0x7\"}");
}

static void check_located(const Guest *guest, const char *bus, gint64 devfn, const char *expected) {
  g_autoptr(json_object) values = json_object_new_object();
  berth_json_set_int(values, "addr", devfn);
  BerthReadBack answer = {bus, values};
  BerthAddress address = {0};
  gboolean located = berth_families_pci_locate(guest->inventory, guest->inventory->devices->pdata[1], &answer, &address);
  g_autofree char *text = located ? berth_model_address_to_string(&address) : g_strdup("nowhere");
  g_assert_cmpstr(text, ==, expected);
}

static void test_locate(void) {
  g_autoptr(Guest) q35 = guest_new("q35", "rp#1@00:03.1 rp#2@00:03.0+");
  ((BerthDevice *)q35->inventory->devices->pdata[2])->id = g_strdup("ua-port");
  check_located(q35, "pcie.0", 49, "pci 0000:00:06.1");
  check_located(q35, "pci.1", 0, "pci 0000:01:00.0");
  check_located(q35, "ua-port", 40, "pci 0000:02:05.0");
  check_located(q35, "pci.7", 0, "nowhere");
  check_located(q35, "pci.0", 0, "nowhere");
  check_located(q35, NULL, 0, "nowhere");
  check_located(q35, "pcie.0", -1, "nowhere");
  g_autoptr(Guest) pc = guest_new("pc", "vnet");
  check_located(pc, "pci.0", 10, "pci 0000:00:01.2");
}

static void check_fits(const char *machine, const char *bridges, const char *device, gboolean expected) {
  g_autofree char *line = g_strconcat(bridges, " ", device, NULL);
  g_autoptr(Guest) guest = guest_new(machine, line);
  const BerthDevice *last = guest->inventory->devices->pdata[guest->inventory->devices->len - 1];
  g_assert_cmpint(berth_families_pci_fits(guest->inventory, last, &last->address), ==, expected);
}

static void test_fits(void) {
  check_fits("pc", "", "vnet@00:03.0", TRUE);
  check_fits("pc", "", "vnet@01:03.0", FALSE);
  check_fits("pc", "pb#1", "vnet@01:00.0", FALSE);
  check_fits("q35", "rp#1", "vnet@01:00.0", TRUE);
  check_fits("q35", "rp#1", "e1000@01:00.0", FALSE);
  check_fits("q35", "rp#1", "vnet@00:05.0", FALSE);
  check_fits("q35", "", "qxl@00:01.0", TRUE);
  check_fits("q35", "", "rp#1@00:02.0", TRUE);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  toys_init();
  g_test_add_func("/pci/pc/basics", test_pc_basics);
  g_test_add_func("/pci/pc/order", test_pc_order);
  g_test_add_func("/pci/pc/growth", test_pc_growth);
  g_test_add_func("/pci/q35/basics", test_q35_basics);
  g_test_add_func("/pci/q35/chipset", test_q35_chipset);
  g_test_add_func("/pci/q35/user-buses", test_q35_user_buses);
  g_test_add_func("/pci/q35/many-ports", test_q35_many_ports);
  g_test_add_func("/pci/q35/kitchen-sink", test_kitchen_sink);
  g_test_add_func("/pci/q35/without-pcie-pci-bridge", test_without_pcie_pci_bridge);
  g_test_add_func("/pci/options", test_options);
  g_test_add_func("/pci/errors", test_errors);
  g_test_add_func("/pci/not-pci-with-pci-address", test_not_pci_with_pci_address);
  g_test_add_func("/pci/rules", test_rules);
  g_test_add_func("/pci/second-run-changes-nothing", test_second_run_changes_nothing);
  g_test_add_func("/pci/guest-numbers", test_guest_numbers);
  g_test_add_func("/pci/properties", test_properties);
  g_test_add_func("/pci/locate", test_locate);
  g_test_add_func("/pci/fits", test_fits);
  return g_test_run();
}
