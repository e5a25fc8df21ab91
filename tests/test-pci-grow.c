/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where libvirt gives up for lack of slots, the ladder of families/pci-grow.c goes on. */
#include "families/pci-bus.h"
#include "pci-toys.h"

static Guest *assigned(const char *machine, const char *devices) {
  g_autoptr(GError) error = NULL;
  Guest *guest = guest_new(machine, devices);
  guest_assign(guest, &error);
  g_assert_no_error(error);
  return guest;
}

/* All have places, no two the same, functions have a function 0 that says so, and no bus is beyond the last number. */
static void check_sound(const Guest *guest) {
  g_autoptr(GHashTable) places = g_hash_table_new(NULL, NULL);
  for (guint i = 1; i < guest->inventory->devices->len; i++) {
    BerthDevice *device = guest->inventory->devices->pdata[i];
    g_assert_cmpint(device->address.type, ==, BERTH_ADDRESS_PCI);
    guint place = berth_families_pci_place(&device->address);
    g_assert_true(g_hash_table_insert(places, GUINT_TO_POINTER(place), device));
    if (device->element->id == BERTH_CONTROLLER)
      g_assert_cmpint(device->index, <, BERTH_PCI_MAX_BUSES);
  }
  berth_families_pci_number(guest->inventory);
  for (guint i = 1; i < guest->inventory->devices->len; i++) {
    const BerthDevice *device = guest->inventory->devices->pdata[i];
    g_assert_cmpint(device->guest_bus, >=, 0);
    if (device->address.value[BERTH_PCI_FUNCTION] == 0)
      continue;
    guint first = berth_families_pci_place(&device->address) & ~7u;
    const BerthDevice *owner = g_hash_table_lookup(places, GUINT_TO_POINTER(first));
    g_assert_true(owner == NULL || owner->address.value[BERTH_PCI_MULTIFUNCTION] == 1);
  }
}

static gboolean noted(const Guest *guest, const char *word) {
  for (guint i = 0; i < guest->notes->len; i++)
    if (strstr(guest->notes->pdata[i], word) != NULL)
      return TRUE;
  return FALSE;
}

static void check_beyond(const char *machine, const char *devices, const char *model, guint grown) {
  g_autoptr(Guest) guest = assigned(machine, devices);
  check_sound(guest);
  g_assert_cmpuint(count_grown(guest, model), ==, grown);
}

static void test_boundary(void) {
  check_beyond("pc", "59*vnet balloon", "pci-bridge", 1);
  check_beyond("pc", "89*vnet balloon", "pci-bridge", 2);
  check_beyond("q35", "240*vnet", "pcie-root-port", 240);
}

/* Every slot of the root bus is taken by the document: the bridge goes to a function of the machine's own slot. */
static void test_full_root(void) {
  g_autoptr(GString) line = g_string_new(NULL);
  for (guint slot = 2; slot < 32; slot++)
    g_string_append_printf(line, "vnet@00:%02x.0 ", slot);
  g_string_append(line, "vnet");
  g_autoptr(Guest) guest = assigned("pc", line->str);
  check_sound(guest);
  const BerthDevice *bridge = berth_model_inventory_controller(guest->inventory, "pci", 1);
  g_assert_cmpuint(berth_families_pci_place(&bridge->address), ==, 1 << 3 | 1);
}

static void test_switch(void) {
  g_autoptr(Guest) guest = assigned("q35", "249*vnet");
  check_sound(guest);
  g_assert_cmpuint(count_grown(guest, "pcie-switch-upstream-port"), ==, 1);
  g_assert_false(noted(guest, "functions"));
}

static void test_packed(void) {
  g_autoptr(Guest) guest = assigned("q35", "1000*vnet");
  check_sound(guest);
  g_assert_true(noted(guest, "functions 1 to 7"));
  g_assert_true(noted(guest, "it has 1000 on PCI, and QEMU has memory sections for about 450"));
  g_autoptr(Guest) fewer = assigned("q35", "450*vnet");
  g_assert_false(noted(fewer, "will not enumerate"));
  check_beyond("q35", "2000*vnet", "pcie-switch-upstream-port", 1);
  g_autoptr(Guest) usual = assigned("q35", "1000*vnet sata"); /* that has a function of slot 1f */
  check_sound(usual);
}

static void test_thousand_on_pc(void) {
  g_autoptr(Guest) guest = assigned("pc", "1000*vnet");
  g_assert_true(noted(guest, "firmware will not enumerate all"));
}

/* A slot whose device says that it is the only one is not shared. */
static void test_multifunction_off(void) {
  g_autoptr(GString) line = g_string_new(NULL);
  for (guint slot = 1; slot < 31; slot++)
    g_string_append_printf(line, "rng@00:%02x.0- ", slot);
  g_string_append(line, "5*vnet");
  g_autoptr(Guest) guest = assigned("q35", line->str);
  check_sound(guest);
  const BerthDevice *port = berth_model_inventory_controller(guest->inventory, "pci", 1);
  g_assert_cmpuint(port->address.value[BERTH_PCI_SLOT], ==, 0x1f);
}

static guint free_ports(const Guest *guest) {
  guint ports = 0, used = 0;
  for (guint i = 0; i < guest->inventory->devices->len; i++) {
    const BerthDevice *device = guest->inventory->devices->pdata[i];
    ports += berth_model_device_is(device, "@model", "pcie-root-port");
    used += device->address.type == BERTH_ADDRESS_PCI && device->address.value[BERTH_PCI_BUS] > 0;
  }
  return ports - used;
}

static void check_ports(const char *machine, const char *devices, gint wanted, guint expected) {
  g_autoptr(Guest) guest = guest_new(machine, devices);
  g_autoptr(GError) error = NULL;
  guest->pcie_ports = wanted;
  guest_assign(guest, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(free_ports(guest), ==, expected);
}

static void test_kept_ports(void) {
  check_ports("q35", "3*vnet", 0, 1);
  check_ports("q35", "3*vnet", -1, 0);
  check_ports("q35", "3*vnet", 4, 4);
  check_ports("q35", "rp#1@00:02.0 rp#2@00:03.0 vnet@01:00.0", 0, 1);
  check_ports("q35", "rp#1@00:02.0 rp#2@00:03.0 vnet@01:00.0", 3, 3);
  check_ports("q35", "rp#1@00:02.0 rp#2@00:03.0 vnet@01:00.0 vnet", 0, 0);
  g_autoptr(Guest) pc = guest_new("pc", "vnet");
  pc->pcie_ports = 2;
  g_assert_true(guest_assign(pc, NULL));
  g_assert_true(noted(pc, "no PCI Express ports"));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  toys_init();
  g_test_add_func("/pci/grow/boundary", test_boundary);
  g_test_add_func("/pci/grow/full-root", test_full_root);
  g_test_add_func("/pci/grow/switch", test_switch);
  g_test_add_func("/pci/grow/packed", test_packed);
  g_test_add_func("/pci/grow/thousand-on-pc", test_thousand_on_pc);
  g_test_add_func("/pci/grow/multifunction-off", test_multifunction_off);
  g_test_add_func("/pci/grow/kept-ports", test_kept_ports);
  return g_test_run();
}
