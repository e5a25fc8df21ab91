/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <berth/error.h>

#include <string.h>

#include "model/device.h"
#include "model/inventory.h"
#include "model/plan.h"

static gboolean read_address(const char *attributes, BerthAddress *address, GError **error) {
  g_autofree char *text = g_strdup_printf("<a>\n<address %s/></a>", attributes);
  g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(bytes, "guest.xml", NULL);

  g_assert_nonnull(document);
  return berth_model_address_parse(address, document, document->root->first, error);
}

static BerthAddress address_of(const char *attributes) {
  g_autoptr(GError) error = NULL;
  BerthAddress address = {0};

  read_address(attributes, &address, &error);
  g_assert_no_error(error);
  return address;
}

static void add_attribute(const char *name, const char *value, gpointer data) {
  g_string_append_printf(data, "%s%s='%s'", ((GString *)data)->len > 0 ? " " : "", name, value);
}

static char *print(const BerthAddress *address) {
  GString *text = g_string_new(NULL);

  berth_model_address_print(address, add_attribute, text);
  return g_string_free(text, FALSE);
}

/* What is written, how it is written back, what people are told. */
static const struct {
  const char *written, *printed, *told;
} good[] = {
    {"type='pci' slot='010'", "type='pci' domain='0x0000' bus='0x00' slot='0x08' function='0x0'", "pci 0000:00:08.0"},
    {"type='pci' domain='0' bus='0xff' slot='31' function='7'", "type='pci' domain='0x0000' bus='0xff' slot='0x1f' function='0x7'",
     "pci 0000:ff:1f.7"},
    {"type='pci' bus='1' multifunction='on'", "type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0' multifunction='on'",
     "pci 0000:01:00.0"},
    {"type='pci' slot='1' multifunction='off'",
     "type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0' multifunction='off'", "pci 0000:00:01.0"},
    {"type='pci' domain='0x10000' slot='1'", "type='pci' domain='0x10000' bus='0x00' slot='0x01' function='0x0'",
     "pci 10000:00:01.0"},
    {"type='pci'", "type='pci'", "pci"},
    {"type='pci' bus='0' slot='0x0' function='9' multifunction='on'", "type='pci'", "pci"},
    {"type='drive'", "type='drive' controller='0' bus='0' target='0' unit='0'", "drive 0:0:0:0"},
    {"type='drive' unit='010'", "type='drive' controller='0' bus='0' target='0' unit='10'", "drive 0:0:0:10"},
    {"type='usb' bus='1' port='1.2.3.4'", "type='usb' bus='1' port='1.2.3.4'", "usb 1:1.2.3.4"},
    {"type='usb' bus='0' port='2'", "type='usb' bus='0' port='2'", "usb 0:2"},
    {"type='usb' bus='0' port='0'", "type='usb' bus='0'", "usb 0"},
    {"type='usb'", "type='usb'", "usb"},
    {"type='virtio-serial' controller='1' bus='0' port='3'", "type='virtio-serial' controller='1' bus='0' port='3'",
     "virtio-serial 1:0:3"},
    {"type='ccid' controller='0' slot='1'", "type='ccid' controller='0' slot='1'", "ccid 0:1"},
    {"type='isa' iobase='3f8' irq='0x4'", "type='isa' iobase='0x3f8' irq='0x4'", "isa 0x3f8:0x4"},
    {"type='isa' iobase='0'", "type='isa'", "isa"},
    {"type='dimm' slot='2'", "type='dimm' slot='2'", "dimm 2"},
    {"type='dimm' slot='2' base='0x100000000'", "type='dimm' slot='2' base='0x100000000'", "dimm 2:0x100000000"},
    {"type='ccw' cssid='0xfe' ssid='0' devno='0x1'", "type='ccw' cssid='0xfe' ssid='0x0' devno='0x0001'", "ccw fe.0.0001"},
    {"type='virtio-mmio'", "type='virtio-mmio'", "virtio-mmio"},
    {"type='spapr-vio' reg='0x2000'", "type='spapr-vio' reg='0x00002000'", "spapr-vio 0x00002000"},
    {"type='unassigned'", "type='unassigned'", "unassigned"},
};

static void addresses_are_read_and_printed(void) {
  for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
    BerthAddress address = address_of(good[i].written);
    g_autofree char *printed = print(&address);
    g_autofree char *told = berth_model_address_to_string(&address);
    g_assert_cmpstr(printed, ==, good[i].printed);
    g_assert_cmpstr(told, ==, good[i].told);
    BerthAddress again = address_of(printed);
    g_assert_true(berth_model_address_equal(&address, &again));
    g_assert_cmpuint(berth_model_address_hash(&address), ==, berth_model_address_hash(&again));
  }
}

static void bad_addresses_are_refused(void) {
  static const struct {
    const char *written, *message;
  } bad[] = {
      {"bus='0'", "guest.xml:2: address: no type"},
      {"type='none'", "guest.xml:2: address: unknown type 'none'"},
      {"type='isdn'", "guest.xml:2: address: unknown type 'isdn'"},
      {"type='pci' slot='-1'", "guest.xml:2: address: malformed slot '-1'"},
      {"type='pci' slot=' -1'", "guest.xml:2: address: malformed slot ' -1'"},
      {"type='pci' slot='1x'", "guest.xml:2: address: malformed slot '1x'"},
      {"type='pci' slot=''", "guest.xml:2: address: malformed slot ''"},
      {"type='pci' slot='09'", "guest.xml:2: address: malformed slot '09'"},
      {"type='pci' slot='0x20'", "guest.xml:2: address: slot 0x20 is too large; at most 0x1f"},
      {"type='pci' bus='256'", "guest.xml:2: address: bus 0x100 is too large; at most 0xff"},
      {"type='pci' slot='1' function='8'", "guest.xml:2: address: function 0x8 is too large; at most 0x7"},
      {"type='pci' slot='1' multifunction='yes'", "guest.xml:2: address: malformed multifunction 'yes'"},
      {"type='pci' domain='99999999999999999999'", "guest.xml:2: address: malformed domain '99999999999999999999'"},
      {"type='drive' unit='0x1'", "guest.xml:2: address: malformed unit '0x1'"},
      {"type='drive' unit='4294967296'", "guest.xml:2: address: unit 4294967296 is too large; at most 4294967295"},
      {"type='usb' port='1.2.3.4.5'", "guest.xml:2: address: malformed port '1.2.3.4.5'"},
      {"type='usb' port='1..2'", "guest.xml:2: address: malformed port '1..2'"},
      {"type='usb' port='1.'", "guest.xml:2: address: malformed port '1.'"},
      {"type='usb' port='0.1'", "guest.xml:2: address: malformed port '0.1'"},
      {"type='usb' port='256'", "guest.xml:2: address: malformed port '256'"},
      {"type='usb' port='99999999999999999999'", "guest.xml:2: address: malformed port '99999999999999999999'"},
      {"type='ccw' cssid='255' ssid='0' devno='0'", "guest.xml:2: address: cssid 0xff is too large; at most 0xfe"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    BerthAddress address = {.type = BERTH_ADDRESS_CCID};
    g_assert_false(read_address(bad[i].written, &address, &error));
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
    g_assert_cmpstr(error->message, ==, bad[i].message);
    g_assert_cmpint(address.type, ==, BERTH_ADDRESS_CCID);
  }
}

static void a_place_is_the_same_whatever_is_optional(void) {
  BerthAddress a = berth_model_address_pci(1, 2, 3), b = address_of("type='pci' bus='1' slot='2' function='3' multifunction='on'");
  BerthAddress none = {0}, unset = address_of("type='pci'"), dimm = address_of("type='dimm' slot='0'");
  BerthAddress base = address_of("type='dimm' slot='0' base='0x1000'"), other = address_of("type='dimm' slot='0' base='0x2000'");

  g_assert_true(berth_model_address_equal(&a, &b));
  g_assert_cmpuint(berth_model_address_hash(&a), ==, berth_model_address_hash(&b));
  g_assert_true(berth_model_address_equal(&dimm, &base));
  g_assert_false(berth_model_address_equal(&other, &base));
  g_assert_false(berth_model_address_equal(&a, &none));
  g_assert_false(berth_model_address_equal(&a, &unset));
  g_assert_true(berth_model_address_equal(&none, &none));
  berth_model_address_set(&b, BERTH_PCI_FUNCTION, 4);
  g_assert_false(berth_model_address_equal(&a, &b));
}

static void a_usb_port_is_packed_by_levels(void) {
  BerthAddress address = address_of("type='usb' port='1.2'");

  g_assert_cmpuint(address.value[BERTH_USB_PORT], ==, 0x01020000);
  g_assert_cmpuint(address.given, ==, 1u << BERTH_USB_PORT);
}

static void types_have_names(void) {
  for (guint i = BERTH_ADDRESS_NONE + 1; i < BERTH_ADDRESS_N_TYPES; i++)
    g_assert_cmpuint(berth_model_address_type(berth_model_address_form(i)->name), ==, i);
  g_assert_null(berth_model_address_form(BERTH_ADDRESS_NONE));
  g_assert_cmpuint(berth_model_address_type(NULL), ==, BERTH_ADDRESS_NONE);
}

static const BerthElement controller = {.id = BERTH_CONTROLLER, .name = "controller"};
static const BerthElement disk = {.id = BERTH_DISK, .name = "disk"};

static void what_is_set_hides_what_is_written(void) {
  static const char text[] = "<disk x='0x10' y='-1' z='1k'><target dev='vda' bus='virtio'/></disk>";
  g_autoptr(GBytes) bytes = g_bytes_new_static(text, sizeof text - 1);
  g_autoptr(BerthXmlDocument) document = berth_xml_document_parse(bytes, "guest.xml", NULL);
  g_autoptr(BerthDevice) device = berth_model_device_new(&disk, document->root);
  g_autofree char *name = berth_model_device_name(device);

  g_assert_cmpstr(name, ==, "disk 'vda'");
  g_assert_cmpint(device->origin, ==, BERTH_ORIGIN_DOCUMENT);
  g_assert_cmpuint(berth_model_device_number(device, "@x", 7), ==, 16);
  g_assert_cmpuint(berth_model_device_number(device, "@y", 7), ==, 7);
  g_assert_cmpuint(berth_model_device_number(device, "@z", 7), ==, 7);
  g_assert_cmpuint(berth_model_device_number(device, "@none", 7), ==, 7);
  berth_model_device_set(device, "target/@bus", "scsi");
  berth_model_device_set(device, "target/@bus", berth_model_device_get(device, "target/@bus"));
  g_assert_true(berth_model_device_is(device, "target/@bus", "scsi"));
  g_assert_true(berth_model_device_is(device, "@none", NULL));
  g_assert_cmpuint(device->sets->len, ==, 1);
}

static void inventories_find_their_devices(void) {
  g_autoptr(BerthInventory) inventory = berth_model_inventory_new(NULL, &disk);
  guint position = 0;

  for (guint i = 0; i < 3; i++) {
    BerthDevice *device = berth_model_device_new(i == 1 ? &disk : &controller, NULL);
    berth_model_device_set(device, "@type", i == 0 ? "pci" : "scsi");
    device->index = 0;
    g_ptr_array_add(inventory->devices, device);
  }
  BerthDevice *scsi = berth_model_inventory_controller(inventory, "scsi", 0);
  g_assert_true(scsi == g_ptr_array_index(inventory->devices, 2));
  g_assert_null(berth_model_inventory_controller(inventory, "scsi", 1));
  g_assert_true(berth_model_inventory_walk(inventory, BERTH_DISK, &position) == g_ptr_array_index(inventory->devices, 1));
  g_assert_null(berth_model_inventory_walk(inventory, BERTH_DISK, &position));
  g_autofree char *name = berth_model_device_name(scsi);
  g_assert_cmpstr(name, ==, "controller scsi 0");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/address/addresses-are-read-and-printed", addresses_are_read_and_printed);
  g_test_add_func("/model/address/bad-addresses-are-refused", bad_addresses_are_refused);
  g_test_add_func("/model/address/a-place-is-the-same-whatever-is-optional", a_place_is_the_same_whatever_is_optional);
  g_test_add_func("/model/address/a-usb-port-is-packed-by-levels", a_usb_port_is_packed_by_levels);
  g_test_add_func("/model/address/types-have-names", types_have_names);
  g_test_add_func("/model/device/what-is-set-hides-what-is-written", what_is_set_hides_what_is_written);
  g_test_add_func("/model/inventory/inventories-find-their-devices", inventories_find_their_devices);
  return g_test_run();
}
