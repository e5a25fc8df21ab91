/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "document/document.h"

#include <string.h>

#include "xml/splice.h"

static const BerthElement elements[BERTH_N_ELEMENTS] = {
    [BERTH_DISK] = {.id = BERTH_DISK, .name = "disk"},
    [BERTH_INTERFACE] = {.id = BERTH_INTERFACE, .name = "interface"},
    [BERTH_HOSTDEV] = {.id = BERTH_HOSTDEV, .name = "hostdev"},
    [BERTH_CONTROLLER] = {.id = BERTH_CONTROLLER, .name = "controller"},
    [BERTH_EMULATOR] = {.id = BERTH_EMULATOR, .name = "emulator"},
    [BERTH_OTHER] = {.id = BERTH_OTHER, .name = ""},
};

static BerthXmlDocument *parse(const char *text) {
  g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
  g_autoptr(GError) error = NULL;
  BerthXmlDocument *document = berth_xml_document_parse(bytes, "guest.xml", &error);

  g_assert_no_error(error);
  return document;
}

/* A plan of what the document says, for the test to change. The document goes with the plan. */
static BerthPlan *plan_of(const char *text) {
  g_autoptr(GError) error = NULL;
  BerthPlan *plan = g_new0(BerthPlan, 1);

  plan->document = parse(text);
  plan->inventory = berth_document_read(plan->document, elements, &error);
  g_assert_no_error(error);
  return plan;
}

static BerthDevice *nth(const BerthPlan *plan, guint n) {
  g_assert_cmpuint(n, <, plan->inventory->devices->len);
  return g_ptr_array_index(plan->inventory->devices, n);
}

static BerthDevice *add(BerthPlan *plan, BerthElementId element) {
  BerthDevice *device = berth_model_device_new(&elements[element], NULL);

  g_ptr_array_add(plan->inventory->devices, device);
  return device;
}

static void assert_written(const BerthPlan *plan, const char *expected) {
  g_autoptr(GBytes) bytes = berth_document_write(plan, NULL);
  g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));

  g_assert_cmpstr(text, ==, expected);
}

static void devices_are_read_in_order(void) {
  g_autoptr(BerthPlan) plan = plan_of("<domain><devices><emulator>/q</emulator><disk><address type='pci' slot='3'/></disk>"
                                      "<frob><address type='strange'/></frob><disk><address type='pci'/></disk>"
                                      "<hostdev><source><address bus='1'/></source></hostdev>"
                                      "<controller type='scsi' index='2'/><controller type='usb'/></devices></domain>");

  g_assert_cmpuint(plan->inventory->devices->len, ==, 7);
  g_assert_cmpint(nth(plan, 0)->element->id, ==, BERTH_EMULATOR);
  g_assert_cmpint(nth(plan, 1)->rule, ==, BERTH_RULE_DOCUMENT);
  g_assert_cmpuint(nth(plan, 1)->address.value[BERTH_PCI_SLOT], ==, 3);
  g_assert_cmpuint(nth(plan, 1)->written.given, ==, 0xf);
  g_assert_cmpint(nth(plan, 2)->element->id, ==, BERTH_OTHER);
  g_assert_cmpint(nth(plan, 3)->index, ==, 1);
  g_assert_cmpint(nth(plan, 3)->address.type, ==, BERTH_ADDRESS_PCI);
  g_assert_cmpint(nth(plan, 3)->rule, ==, BERTH_RULE_NONE);
  g_assert_cmpint(nth(plan, 4)->address.type, ==, BERTH_ADDRESS_NONE);
  g_assert_cmpint(nth(plan, 5)->index, ==, 2);
  g_assert_cmpint(nth(plan, 6)->index, ==, -1);
}

static void what_is_no_domain_is_refused(void) {
  static const struct {
    const char *text, *message;
  } bad[] = {
      {"<network/>", "guest.xml:1: the root element is <network>; a domain document has <domain>"},
      {"<domain xmlns='urn:x'/>", "guest.xml:1: the root element is <domain> in a name space; a domain document has <domain>"},
      {"<domain>\n<devices/>\n<devices/></domain>", "guest.xml:3: a second <devices>; the first is in line 2"},
      {"<domain><devices>\n<disk><address type='pci' slot='99'/></disk></devices></domain>",
       "guest.xml:2: address: slot 0x63 is too large; at most 0x1f"},
      {"<domain><devices><disk><target dev='vda'/>\n<address type='pci'/>\n<address type='pci'/></disk></devices></domain>",
       "guest.xml:3: disk 'vda': a second <address>; the first is in line 2"},
      {"<domain><devices><controller index='1'/></devices></domain>", "guest.xml:1: controller: no type"},
      {"<domain><devices><controller type='pci' index='-1'/></devices></domain>",
       "guest.xml:1: controller pci: malformed index '-1'"},
      {"<domain><devices><controller type='pci' index=''/></devices></domain>", "guest.xml:1: controller pci: malformed index ''"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(BerthXmlDocument) document = parse(bad[i].text);
    g_autoptr(GError) error = NULL;
    g_assert_null(berth_document_read(document, elements, &error));
    g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
    g_assert_cmpstr(error->message, ==, bad[i].message);
  }
}

static void nothing_assigned_changes_no_byte(void) {
  g_autoptr(BerthPlan) plan = plan_of("\xef\xbb\xbf<?xml version=\"1.0\"?>\r\n<!-- c --><domain\ttype=\"qemu\">\r\n<devices >\r\n"
                                      "<disk a='&#49;'><address type='pci' slot='010' /></disk><disk><address type=\"pci\"/></disk>"
                                      "<controller type='usb' index='0'/></devices>\r\n</domain>\r\n\r\n");
  g_autoptr(GBytes) bytes = berth_document_write(plan, NULL);

  g_assert_true(bytes == plan->document->bytes);
}

static void addresses_are_added(void) {
  g_autoptr(BerthPlan) plan = plan_of("<domain>\n  <devices>\n    <disk>\n      <target dev=\"vda\"/>\n    </disk>\n    <disk/>\n"
                                      "    <disk><target dev='vdc'/></disk>\n  </devices>\n</domain>\n");

  for (guint i = 0; i < 3; i++)
    nth(plan, i)->address = berth_model_address_pci(0, 3 + i, 0);
  assert_written(
      plan, "<domain>\n  <devices>\n    <disk>\n      <target dev=\"vda\"/>\n"
            "      <address type=\"pci\" domain=\"0x0000\" bus=\"0x00\" slot=\"0x03\" function=\"0x0\"/>\n    </disk>\n    <disk>\n"
            "      <address type=\"pci\" domain=\"0x0000\" bus=\"0x00\" slot=\"0x04\" function=\"0x0\"/>\n    </disk>\n"
            "    <disk><target dev='vdc'/><address type=\"pci\" domain=\"0x0000\" bus=\"0x00\" slot=\"0x05\" function=\"0x0\"/>"
            "</disk>\n  </devices>\n</domain>\n");
}

static void addresses_are_changed_where_they_differ(void) {
  g_autoptr(BerthPlan) plan = plan_of("<domain><devices><disk><address type='pci' slot='3'/></disk>"
                                      "<disk><address slot='0' multifunction='on' type='pci' function='0x1'/></disk>"
                                      "<disk><address type='usb' port='0'/></disk>"
                                      "<disk><address type='pci' bus='1' x:y='z'/></disk></devices></domain>");

  berth_model_address_set(&nth(plan, 0)->address, BERTH_PCI_MULTIFUNCTION, 1);
  nth(plan, 1)->address = berth_model_address_pci(0, 4, 0);
  berth_model_address_set(&nth(plan, 2)->address, BERTH_USB_BUS, 0);
  berth_model_address_set(&nth(plan, 2)->address, BERTH_USB_PORT, 0x01020000);
  nth(plan, 3)->address = (BerthAddress){.type = BERTH_ADDRESS_DRIVE, .given = 0xf, .value = {1, 2, 0, 3}};
  assert_written(plan,
                 "<domain><devices><disk><address type='pci' slot='3' multifunction='on'/></disk>"
                 "<disk><address slot='0x04' type='pci' function='0x0' domain='0x0000' bus='0x00'/></disk>"
                 "<disk><address type='usb' port='1.2' bus='0'/></disk>"
                 "<disk><address type='drive' bus='2' x:y='z' controller='1' target='0' unit='3'/></disk></devices></domain>");
}

static void values_and_devices_are_added(void) {
  g_autoptr(BerthPlan) plan = plan_of("<domain>\n  <name>g</name>\n  <os><type>hvm</type></os>\n  <devices>\n    <interface/>\n"
                                      "    <controller type='usb'/>\n    <!-- last -->\n  </devices>\n</domain>\n");

  berth_model_device_set(plan->inventory->domain, "uuid", "c7a5fdbd");
  berth_model_device_set(plan->inventory->domain, "os/type/@machine", "pc-q35-7.2");
  berth_model_device_set(nth(plan, 0), "mac/@address", "52:54:00:00:00:01");
  nth(plan, 1)->index = 0;
  BerthDevice *port = add(plan, BERTH_CONTROLLER);
  berth_model_device_set(port, "@type", "pci");
  berth_model_device_set(port, "@index", "1");
  berth_model_device_set(port, "@model", "pcie-root-port");
  berth_model_device_set(port, "target/@chassis", "1");
  berth_model_device_set(port, "target/@port", "0x8");
  port->address = berth_model_address_pci(0, 1, 0);
  assert_written(
      plan, "<domain>\n  <name>g</name>\n  <uuid>c7a5fdbd</uuid>\n  <os><type machine='pc-q35-7.2'>hvm</type></os>\n  <devices>\n"
            "    <interface>\n      <mac address='52:54:00:00:00:01'/>\n    </interface>\n    <controller type='usb' index='0'/>\n"
            "    <!-- last -->\n    <controller type='pci' index='1' model='pcie-root-port'>\n"
            "      <target chassis='1' port='0x8'/>\n"
            "      <address type='pci' domain='0x0000' bus='0x00' slot='0x01' function='0x0'/>\n    </controller>\n"
            "  </devices>\n</domain>\n");
}

static void missing_devices_are_made(void) {
  g_autoptr(BerthPlan) plan = plan_of("<domain>\r\n  <name>g</name>\r\n</domain>");

  berth_model_device_set(add(plan, BERTH_CONTROLLER), "@type", "usb");
  assert_written(plan, "<domain>\r\n  <name>g</name>\r\n  <devices>\r\n    <controller type='usb'/>\r\n  </devices>\r\n</domain>");
}

/* Writes @plan with @record and reads both back. */
static BerthPlan *embedded_again(const BerthPlan *plan, const BerthRecord *record) {
  g_autoptr(GBytes) bytes = berth_document_write(plan, record);
  g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
  g_autoptr(GError) error = NULL;
  BerthPlan *again = plan_of(text);

  g_autoptr(BerthRecord) read = berth_document_embedded(again->document, &error);
  g_assert_no_error(error);
  g_assert_nonnull(read);
  g_autofree char *was = berth_record_to_json(record), *is = berth_record_to_json(read);
  g_assert_cmpstr(is, ==, was);
  return again;
}

static void the_record_is_embedded_and_read_back(void) {
  static const char *const texts[] = {
      "<domain>\n  <name>g</name>\n  <devices/>\n</domain>\n",
      "<domain><name>g</name><metadata><x:y xmlns:x='urn:x'/></metadata></domain>",
      "<domain>\r\n  <title>g</title>\r\n  <metadata>\r\n  </metadata>\r\n</domain>\r\n",
      "<domain/>",
  };

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_autoptr(BerthPlan) plan = plan_of(texts[i]);
    g_autoptr(BerthRecord) record = berth_model_record_new();
    record->name = g_strdup("<g> & \"h\"");
    record->machine = g_strdup("pc-q35-7.2");
    g_autoptr(BerthPlan) again = embedded_again(plan, record);
    g_autoptr(GBytes) twice = berth_document_write(again, record);
    g_assert_true(twice == again->document->bytes);
    g_free(record->name);
    record->name = g_strdup("other");
    g_autoptr(BerthPlan) third = embedded_again(again, record);
    g_assert_cmpuint(g_bytes_get_size(third->document->bytes), <, g_bytes_get_size(again->document->bytes));
  }
}

static void without_a_record_nothing_is_found(void) {
  g_autoptr(BerthPlan) plan = plan_of("<domain><metadata><x/></metadata></domain>");
  g_autoptr(GError) error = NULL;

  g_assert_null(berth_document_embedded(plan->document, &error));
  g_assert_no_error(error);
}

static void a_newer_record_is_refused(void) {
  g_autoptr(BerthPlan) plan = plan_of("<domain><metadata>\n<b:record xmlns:b='urn:berth:record:2'/></metadata></domain>");
  g_autoptr(GError) error = NULL;

  g_assert_null(berth_document_embedded(plan->document, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_NEWER);
  g_assert_true(g_str_has_prefix(error->message, "guest.xml:2: "));
}

static void a_broken_record_is_refused(void) {
  g_autoptr(BerthPlan) plan =
      plan_of("<domain><metadata>\n<b:record xmlns:b='urn:berth:record:1'>{</b:record></metadata></domain>");
  g_autoptr(GError) error = NULL;

  g_assert_null(berth_document_embedded(plan->document, &error));
  g_assert_error(error, BERTH_ERROR, BERTH_ERROR_BAD_INPUT);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/document/read/devices-are-read-in-order", devices_are_read_in_order);
  g_test_add_func("/document/read/what-is-no-domain-is-refused", what_is_no_domain_is_refused);
  g_test_add_func("/document/write/nothing-assigned-changes-no-byte", nothing_assigned_changes_no_byte);
  g_test_add_func("/document/write/addresses-are-added", addresses_are_added);
  g_test_add_func("/document/write/addresses-are-changed-where-they-differ", addresses_are_changed_where_they_differ);
  g_test_add_func("/document/write/values-and-devices-are-added", values_and_devices_are_added);
  g_test_add_func("/document/write/missing-devices-are-made", missing_devices_are_made);
  g_test_add_func("/document/embedded/the-record-is-embedded-and-read-back", the_record_is_embedded_and_read_back);
  g_test_add_func("/document/embedded/without-a-record-nothing-is-found", without_a_record_nothing_is_found);
  g_test_add_func("/document/embedded/a-newer-record-is-refused", a_newer_record_is_refused);
  g_test_add_func("/document/embedded/a-broken-record-is-refused", a_broken_record_is_refused);
  return g_test_run();
}
